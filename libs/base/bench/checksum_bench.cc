// The Internet checksum next to memcpy of the same bytes, per implementation and length.

#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include "checksum_implementation.h"

namespace
{

std::vector<uint8_t> Bytes(size_t length)
{
    std::vector<uint8_t> bytes(length);
    for (size_t i = 0; i < length; i++)
        bytes[i] = static_cast<uint8_t>(i * 167 + 13);
    return bytes;
}

void Lengths(benchmark::internal::Benchmark *bench)
{
    for (int length : {20, 40, 64, 128, 256, 536, 1460, 9000, 65536})
        bench->Arg(length);
}

void Report(benchmark::State &state)
{
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void Memcpy(benchmark::State &state)
{
    std::vector<uint8_t> from = Bytes(state.range(0)), to(state.range(0));
    for (auto _ : state) {
        memcpy(to.data(), from.data(), from.size());
        benchmark::ClobberMemory();
    }
    Report(state);
}
BENCHMARK(Memcpy)->Apply(Lengths);

void ChecksumPartial(benchmark::State &state)
{
    std::vector<uint8_t> from = Bytes(state.range(0));
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_base_checksum_partial(from.data(), from.size(), 0));
    Report(state);
}
BENCHMARK(ChecksumPartial)->Apply(Lengths);

void ChecksumCopy(benchmark::State &state)
{
    std::vector<uint8_t> from = Bytes(state.range(0)), to(state.range(0));
    for (auto _ : state) {
        benchmark::DoNotOptimize(tpa_base_checksum_copy(to.data(), from.data(), from.size(), 0));
        benchmark::ClobberMemory();
    }
    Report(state);
}
BENCHMARK(ChecksumCopy)->Apply(Lengths);

// Argument 0: the length, argument 1: the index of the implementation, fastest first.
void ChecksumImplementation(benchmark::State &state)
{
    const checksum_implementation *implementation =
        &tpa_base_checksum_implementations[state.range(1)];
    if (!tpa_base_checksum_supported(implementation)) {
        state.SkipWithError("not supported by this CPU");
        return;
    }
    std::vector<uint8_t> from = Bytes(state.range(0));
    for (auto _ : state)
        benchmark::DoNotOptimize(
            tpa_base_checksum_run(implementation, nullptr, from.data(), from.size(), 0));
    state.SetLabel(implementation->name);
    Report(state);
}
BENCHMARK(ChecksumImplementation)->ArgsProduct({{128, 1460, 65536}, {0, 1, 2}});

} // namespace
