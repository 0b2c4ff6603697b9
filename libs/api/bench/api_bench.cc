// The whole stack, seen from its calls: two instances in one thread over the in-process loop, so a
// figure holds the work of both ends. And the demultiplexer alone, from small to a million entries.

#include <benchmark/benchmark.h>

#include "rig.h"

namespace
{

// Items are connections.
void ConnectClose(benchmark::State &state)
{
    rig_start();
    for (auto _ : state)
        rig_connect_close();
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ConnectClose);

// Items are transactions: that many bytes there and back, copied in, read in place.
void RequestResponse(benchmark::State &state)
{
    const auto size = static_cast<uint32_t>(state.range(0));
    rig_start();
    rig_open();
    for (auto _ : state)
        rig_request_response(size);
    rig_close();
    state.SetItemsProcessed(state.iterations());
    state.SetBytesProcessed(state.iterations() * 2 * size);
}
BENCHMARK(RequestResponse)->Arg(64)->Arg(1400)->Arg(65536);

// Items are SYNs of a flood; making them, and dropping the answers, is in it.
void SynFlood(benchmark::State &state)
{
    rig_start();
    rig_connect_close(); // the neighbours know each other
    for (auto _ : state)
        rig_syn_burst();
    state.SetItemsProcessed(state.iterations() * RIG_BURST);
}
BENCHMARK(SynFlood);

void IdleStep(benchmark::State &state)
{
    rig_start();
    for (auto _ : state)
        rig_idle_step();
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(IdleStep);

// Items are look-ups; a burst of 32 random ones, drawing them included.
void DemuxFind(benchmark::State &state)
{
    rig_demux_fill(static_cast<uint32_t>(state.range(0)));
    for (auto _ : state)
        rig_demux_burst();
    rig_demux_empty();
    state.SetItemsProcessed(state.iterations() * RIG_BURST);
}
BENCHMARK(DemuxFind)->Arg(100)->Arg(10000)->Arg(1000000);

} // namespace
