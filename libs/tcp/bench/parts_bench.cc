// TCP's parts, each alone. Time per packet, segment or event.
#include <benchmark/benchmark.h>

#include "libs/tcp/bench/parts.h"

namespace
{

// "each": the time of one of the `count` events that an iteration makes.
template <typename Function> void Measure(benchmark::State &state, Function function)
{
    const uint64_t count = 10000;

    parts_init();
    for (auto _ : state)
        function(count);
    state.counters["each"] = benchmark::Counter(static_cast<double>(count),
                                                benchmark::Counter::kIsIterationInvariantRate |
                                                    benchmark::Counter::kInvert);
}

void Parse(benchmark::State &state)
{
    auto layout = static_cast<parts_layout>(state.range(0));

    Measure(state, [=](uint64_t count) { parts_parse(layout, count); });
}
BENCHMARK(Parse)->ArgName("layout")->DenseRange(PARTS_NO_OPTIONS, PARTS_SYN);

void Header(benchmark::State &state)
{
    auto layout = static_cast<parts_layout>(state.range(0));

    Measure(state, [=](uint64_t count) { parts_header(layout, count); });
}
BENCHMARK(Header)->ArgName("layout")->DenseRange(PARTS_NO_OPTIONS, PARTS_SYN);

void ReceiveQueue(benchmark::State &state)
{
    Measure(state, parts_receive_queue);
}
BENCHMARK(ReceiveQueue);

void Reassembly(benchmark::State &state)
{
    auto holes = static_cast<uint32_t>(state.range(0));

    Measure(state, [=](uint64_t count) { parts_reassembly(holes, count); });
}
BENCHMARK(Reassembly)->ArgName("holes")->Arg(8)->Arg(64)->Arg(512)->Arg(1000);

void SendQueue(benchmark::State &state)
{
    auto copied = static_cast<int>(state.range(0));
    auto length = static_cast<uint32_t>(state.range(1));

    Measure(state, [=](uint64_t count) { parts_send_queue(copied, length, 16, count); });
}
BENCHMARK(SendQueue)->ArgNames({"copied", "bytes"})->ArgsProduct({{0, 1}, {64, 1448, 32768}});

void Flight(benchmark::State &state)
{
    auto outstanding = static_cast<uint32_t>(state.range(0));

    Measure(state, [=](uint64_t count) { parts_flight(outstanding, count); });
}
BENCHMARK(Flight)->ArgName("outstanding")->Arg(1)->Arg(16)->Arg(1000);

void FlightSack(benchmark::State &state)
{
    auto holes = static_cast<uint32_t>(state.range(0));

    Measure(state, [=](uint64_t count) { parts_flight_sack(holes, count); });
}
BENCHMARK(FlightSack)->ArgName("holes")->Arg(4)->Arg(32)->Arg(490);

void Congestion(benchmark::State &state, const char *name)
{
    Measure(state, [=](uint64_t count) { parts_congestion(name, count); });
}
BENCHMARK_CAPTURE(Congestion, newreno, "newreno");
BENCHMARK_CAPTURE(Congestion, cubic, "cubic");
BENCHMARK_CAPTURE(Congestion, dctcp, "dctcp");
BENCHMARK_CAPTURE(Congestion, bbr, "bbr");

void Rtt(benchmark::State &state)
{
    Measure(state, parts_rtt);
}
BENCHMARK(Rtt);

void Isn(benchmark::State &state)
{
    Measure(state, parts_isn);
}
BENCHMARK(Isn);

} // namespace
