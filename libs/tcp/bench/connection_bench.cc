// The state machine whole: input, output, request and response. "each" is the time per segment,
// packet or exchange; what is timed stands in rig.h.
#include <benchmark/benchmark.h>

#include "libs/tcp/bench/rig.h"

namespace
{

constexpr unsigned int kBursts = 200;
constexpr unsigned int kBurst = 32;

// `function` returns seconds for `events` events.
template <typename Function>
void Measure(benchmark::State &state, unsigned int events, Function function)
{
    rig_init();
    for (auto _ : state)
        state.SetIterationTime(function());
    state.counters["each"] = benchmark::Counter(
        events, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void Input(benchmark::State &state)
{
    Measure(state, kBursts * kBurst, [] { return rig_input(kBursts, false); });
}
BENCHMARK(Input)->UseManualTime();

void ParseAndInput(benchmark::State &state)
{
    Measure(state, kBursts * kBurst, [] { return rig_input(kBursts, true); });
}
BENCHMARK(ParseAndInput)->UseManualTime();

void InputAndRead(benchmark::State &state)
{
    Measure(state, kBursts * kBurst, [] { return rig_input_and_read(kBursts); });
}
BENCHMARK(InputAndRead)->UseManualTime();

void Acknowledgement(benchmark::State &state)
{
    Measure(state, kBursts * kBurst / 2, [] { return rig_acknowledgements(kBursts); });
}
BENCHMARK(Acknowledgement)->UseManualTime();

// bytes of a packet; zero-copy or copied
void Output(benchmark::State &state)
{
    auto length = static_cast<uint32_t>(state.range(0));
    bool zero_copy = state.range(1) != 0;

    Measure(state, kBursts * kBurst, [=] { return rig_output(kBursts, length, zero_copy); });
}
BENCHMARK(Output)
    ->UseManualTime()
    ->ArgNames({"bytes", "zero_copy"})
    ->Args({1448, 1})
    ->Args({1448, 0})
    ->Args({44 * 1448, 1});

void RequestResponse(benchmark::State &state)
{
    Measure(state, 1000, [] { return rig_request_response(1000); });
}
BENCHMARK(RequestResponse)->UseManualTime();

void ConnectClose(benchmark::State &state)
{
    Measure(state, 100, [] { return rig_connect_close(100); });
}
BENCHMARK(ConnectClose)->UseManualTime();

} // namespace
