// Hashes of what the stack hashes: four-tuples, small inputs, RSS inputs.

#include <benchmark/benchmark.h>

#include <tpa/base/clock.h>
#include <tpa/base/hash.h>
#include <tpa/base/random.h>

namespace
{

tpa_base_random Seeded()
{
    tpa_base_random random;
    tpa_base_random_seed(&random, 1);
    return random;
}

tpa_base_hash_key Key()
{
    tpa_base_random random = Seeded();
    return tpa_base_hash_key_random(&random);
}

void TupleHash(benchmark::State &state)
{
    tpa_base_hash_key key = Key();
    tpa_base_address local = tpa_base_address_from_ipv4(0x0100000a);
    tpa_base_address remote = tpa_base_address_from_ipv4(0x0200000a);
    uint32_t ports = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(local);
        benchmark::DoNotOptimize(tpa_base_hash_tuple(&key, &remote, &local, ports++));
    }
}
BENCHMARK(TupleHash);

void WordHash(benchmark::State &state)
{
    tpa_base_hash_key key = Key();
    uint64_t words[5] = {1, 2, 3, 4, 5};
    for (auto _ : state) {
        words[0]++;
        benchmark::DoNotOptimize(tpa_base_hash_words(&key, words, state.range(0)));
    }
}
BENCHMARK(WordHash)->Arg(1)->Arg(5);

template <uint64_t (*Hash)(const tpa_base_hash_key *, const void *, size_t)>
void SipHash(benchmark::State &state)
{
    tpa_base_hash_key key = Key();
    uint8_t bytes[64] = {0};
    for (auto _ : state) {
        bytes[0]++;
        benchmark::DoNotOptimize(Hash(&key, bytes, state.range(0)));
    }
}
BENCHMARK_TEMPLATE(SipHash, tpa_base_siphash24)->Arg(12)->Arg(36)->Arg(64);
BENCHMARK_TEMPLATE(SipHash, tpa_base_siphash13)->Arg(12)->Arg(36)->Arg(64);

// As for an initial sequence number: two addresses and the ports, field by field.
void SipHashFields(benchmark::State &state)
{
    tpa_base_hash_key key = Key();
    tpa_base_address local = tpa_base_address_from_ipv4(0x0100000a);
    tpa_base_address remote = tpa_base_address_from_ipv4(0x0200000a);
    uint16_t port = 0;
    for (auto _ : state) {
        tpa_base_siphash hash;
        tpa_base_siphash24_begin(&hash, &key);
        tpa_base_siphash_add(&hash, &local, sizeof(local));
        tpa_base_siphash_add(&hash, &remote, sizeof(remote));
        tpa_base_siphash_add_u16(&hash, port++);
        tpa_base_siphash_add_u16(&hash, 80);
        benchmark::DoNotOptimize(tpa_base_siphash_finish(&hash));
    }
}
BENCHMARK(SipHashFields);

void Toeplitz(benchmark::State &state)
{
    uint8_t input[TPA_BASE_TOEPLITZ_INPUT_MAX] = {1, 2, 3};
    for (auto _ : state) {
        input[0]++;
        benchmark::DoNotOptimize(tpa_base_toeplitz(
            tpa_base_toeplitz_default_key, TPA_BASE_TOEPLITZ_KEY_SIZE, input, state.range(0)));
    }
}
BENCHMARK(Toeplitz)->Arg(12)->Arg(36);

void Random(benchmark::State &state)
{
    tpa_base_random random = Seeded();
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_base_random_u64(&random));
}
BENCHMARK(Random);

void RandomBelow(benchmark::State &state)
{
    tpa_base_random random = Seeded();
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_base_random_below(&random, 23000));
}
BENCHMARK(RandomBelow);

void ClockNow(benchmark::State &state)
{
    tpa_base_clock clock;
    tpa_base_clock_init(&clock);
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_base_clock_now(&clock));
}
BENCHMARK(ClockNow);

void ClockMonotonic(benchmark::State &state)
{
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_base_clock_monotonic());
}
BENCHMARK(ClockMonotonic);

} // namespace
