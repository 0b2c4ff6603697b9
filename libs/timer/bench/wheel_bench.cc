// Timer operations with a given number of other timers armed, as in a worker with that many
// connections.

#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include <tpa/base/clock.h>
#include <tpa/base/random.h>
#include <tpa/timer/wheel.h>

namespace
{

// `armed` timers with deadlines 1 ms to 2 h ahead: most of them keepalives, some RTOs and ACKs.
class Crowd
{
  public:
    explicit Crowd(size_t armed) : wheel(new tpa_timer_wheel), timers(armed)
    {
        tpa_base_random_seed(&random, 1);
        if (tpa_timer_wheel_init(wheel.get(), TPA_TIMER_TICK_SHIFT_DEFAULT, now) != 0)
            abort();
        for (tpa_timer &timer : timers) {
            tpa_timer_init(&timer);
            tpa_timer_arm(wheel.get(), &timer, now + Duration());
        }
    }

    uint64_t Duration()
    {
        switch (tpa_base_random_below(&random, 10)) {
        case 0:
            return TPA_BASE_MILLISECOND;
        case 1:
        case 2:
            return (100 + tpa_base_random_below(&random, 200)) * TPA_BASE_MILLISECOND;
        default:
            return TPA_BASE_HOUR + tpa_base_random_below(&random, TPA_BASE_HOUR);
        }
    }

    std::unique_ptr<tpa_timer_wheel> wheel;
    std::vector<tpa_timer> timers;
    tpa_base_random random;
    uint64_t now = 1000 * TPA_BASE_SECOND;
};

void Arms(benchmark::internal::Benchmark *bench)
{
    bench->Arg(1000)->Arg(1000000);
}

// Arming an unarmed timer 200 ms ahead and cancelling it: one pair per iteration.
void ArmCancel(benchmark::State &state)
{
    Crowd crowd(state.range(0));
    tpa_timer timer;
    tpa_timer_init(&timer);
    for (auto _ : state) {
        tpa_timer_arm(crowd.wheel.get(), &timer, crowd.now + 200 * TPA_BASE_MILLISECOND);
        tpa_timer_cancel(crowd.wheel.get(), &timer);
    }
}
BENCHMARK(ArmCancel)->Apply(Arms);

// Moving an armed timer, by a bit more than a tick each time: the RTO at each acknowledgement.
void Rearm(benchmark::State &state)
{
    Crowd crowd(state.range(0));
    tpa_timer timer;
    uint64_t deadline = crowd.now + 200 * TPA_BASE_MILLISECOND;
    tpa_timer_init(&timer);
    for (auto _ : state) {
        tpa_timer_arm(crowd.wheel.get(), &timer, deadline);
        deadline += 20000;
    }
    tpa_timer_cancel(crowd.wheel.get(), &timer);
}
BENCHMARK(Rearm)->Apply(Arms);

// Moving an armed timer within its tick.
void RearmSameTick(benchmark::State &state)
{
    Crowd crowd(state.range(0));
    tpa_timer timer;
    tpa_timer_init(&timer);
    for (auto _ : state)
        tpa_timer_arm(crowd.wheel.get(), &timer, crowd.now + 200 * TPA_BASE_MILLISECOND);
    tpa_timer_cancel(crowd.wheel.get(), &timer);
}
BENCHMARK(RearmSameTick)->Apply(Arms);

// Moving random timers of the crowd: what the caches make of it.
void RearmRandom(benchmark::State &state)
{
    Crowd crowd(state.range(0));
    for (auto _ : state) {
        size_t index = tpa_base_random_below(&crowd.random, crowd.timers.size());
        tpa_timer_arm(crowd.wheel.get(), &crowd.timers[index], crowd.now + crowd.Duration());
    }
}
BENCHMARK(RearmRandom)->Apply(Arms);

// A worker's step in which no timer expires; time stands still.
void IdleAdvance(benchmark::State &state)
{
    Crowd crowd(state.range(0));
    while (tpa_timer_wheel_next_expired(crowd.wheel.get(), crowd.now) != nullptr)
        ;
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_timer_wheel_next_expired(crowd.wheel.get(), crowd.now));
}
BENCHMARK(IdleAdvance)->Apply(Arms);

// A worker's steps, each 5 us later; what expires is armed again for as long: all costs of the
// wheel together, divided by steps. expired/step says how many timers that were.
void Steps(benchmark::State &state)
{
    Crowd crowd(state.range(0));
    int64_t expired = 0;
    for (auto _ : state) {
        tpa_timer *timer;
        crowd.now += 5000;
        while ((timer = tpa_timer_wheel_next_expired(crowd.wheel.get(), crowd.now)) != nullptr) {
            tpa_timer_arm(crowd.wheel.get(), timer, crowd.now + crowd.Duration());
            expired++;
        }
    }
    state.counters["expired/step"] = double(expired) / double(state.iterations());
}
BENCHMARK(Steps)->Apply(Arms);

// One timer through its life: armed 200 ms ahead, moved down, expired.
void ArmExpire(benchmark::State &state)
{
    Crowd crowd(state.range(0));
    tpa_timer timer;
    uint64_t now = crowd.now;
    // Only keepalives, so that no other timer expires meanwhile.
    for (tpa_timer &other : crowd.timers)
        tpa_timer_arm(crowd.wheel.get(), &other, UINT64_MAX / 2);
    tpa_timer_init(&timer);
    for (auto _ : state) {
        tpa_timer_arm(crowd.wheel.get(), &timer, now + 200 * TPA_BASE_MILLISECOND);
        now += 201 * TPA_BASE_MILLISECOND;
        if (tpa_timer_wheel_next_expired(crowd.wheel.get(), now) != &timer)
            abort();
    }
}
BENCHMARK(ArmExpire)->Apply(Arms);

// A jump of three hours over the crowd: time per expired timer.
void JumpThreeHours(benchmark::State &state)
{
    for (auto _ : state) {
        state.PauseTiming();
        Crowd crowd(state.range(0));
        uint64_t end = crowd.now + 3 * TPA_BASE_HOUR;
        state.ResumeTiming();
        do {
            while (tpa_timer_wheel_next_expired(crowd.wheel.get(), end) != nullptr)
                ;
        } while (tpa_timer_wheel_next_deadline(crowd.wheel.get()) <= end);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(JumpThreeHours)->Arg(1000)->Arg(1000000)->Unit(benchmark::kMicrosecond);

} // namespace
