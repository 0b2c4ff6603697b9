// A worker's hot path: a burst of 32 frames in, a burst of 32 packets out; and what stands beside
// it. Items are packets.

#include <benchmark/benchmark.h>

#include "rig.h"

namespace
{

void Packets(benchmark::State &state)
{
    state.SetItemsProcessed(state.iterations() * RIG_BURST);
}

// Payload bytes; the port has verified checksums or the stack has to.
void Input(benchmark::State &state, bool ipv6, bool verified)
{
    rig *rig = rig_get();
    rig_make_received(rig, ipv6, static_cast<uint32_t>(state.range(0)), verified);
    for (auto _ : state)
        rig_input(rig);
    rig_free_received(rig);
    Packets(state);
}

void Output(benchmark::State &state, bool ipv6)
{
    rig *rig = rig_get();
    rig_make_sent(rig, ipv6, static_cast<uint32_t>(state.range(0)));
    for (auto _ : state)
        rig_output(rig);
    rig_free_sent(rig);
    Packets(state);
}

// The first use of each path after routes changed: the table is copied, 32 paths are looked up.
void OutputAfterChange(benchmark::State &state)
{
    rig *rig = rig_get();
    rig_make_sent(rig, false, 64);
    for (auto _ : state) {
        rig_change(rig);
        rig_output(rig);
    }
    rig_free_sent(rig);
    Packets(state);
}

void PathGetPut(benchmark::State &state, bool ipv6)
{
    rig *rig = rig_get();
    for (auto _ : state)
        rig_paths(rig, ipv6);
    Packets(state);
}

// What a step pays when nothing is due.
void TimersIdle(benchmark::State &state)
{
    rig *rig = rig_get();
    for (auto _ : state)
        rig_timers(rig);
}

BENCHMARK_CAPTURE(Input, ipv4_verified, false, true)->Arg(64)->Arg(1448);
BENCHMARK_CAPTURE(Input, ipv4, false, false)->Arg(64)->Arg(1448);
BENCHMARK_CAPTURE(Input, ipv6_verified, true, true)->Arg(64)->Arg(1428);
BENCHMARK_CAPTURE(Input, ipv6, true, false)->Arg(64)->Arg(1428);
BENCHMARK_CAPTURE(Output, ipv4, false)->Arg(64)->Arg(1448);
BENCHMARK_CAPTURE(Output, ipv6, true)->Arg(64)->Arg(1428);
BENCHMARK(OutputAfterChange);
BENCHMARK_CAPTURE(PathGetPut, ipv4, false);
BENCHMARK_CAPTURE(PathGetPut, ipv6, true);
BENCHMARK(TimersIdle);

} // namespace
