// Bursts over devices, and the software that stands in for a port's offloads. Memory: hugepages
// where there are any, else ordinary pages. One thread on one core does both ends.

#include <benchmark/benchmark.h>

#include "wires.h"

namespace
{

// Allocated, sent, received and freed; bytes are those of the frames.
void Burst(benchmark::State &state, wires_path path)
{
    auto length = static_cast<uint32_t>(state.range(0));
    for (auto _ : state)
        wires_burst(path, length);
    state.SetItemsProcessed(state.iterations() * WIRES_BURST);
    state.SetBytesProcessed(state.iterations() * WIRES_BURST * length);
}
BENCHMARK_CAPTURE(Burst, loop, WIRES_LOOP)->ArgName("frame")->Arg(66)->Arg(1514);
BENCHMARK_CAPTURE(Burst, null, WIRES_NULL)->ArgName("frame")->Arg(66);
BENCHMARK_CAPTURE(Burst, null_middleware_idle, WIRES_NULL_MIDDLEWARE)->ArgName("frame")->Arg(66);

void SuperFrameBytes(benchmark::State &state)
{
    state.SetBytesProcessed(state.iterations() * WIRES_SUPER_PAYLOAD);
}

// The measure for all of a super-frame: its payload copied once.
void SuperFrameMemcpy(benchmark::State &state)
{
    for (auto _ : state)
        wires_copy_super_frame();
    SuperFrameBytes(state);
}
BENCHMARK(SuperFrameMemcpy);

void SuperFrameSegment(benchmark::State &state, bool copy, bool checksums)
{
    for (auto _ : state)
        wires_segment(copy, checksums);
    SuperFrameBytes(state);
}
BENCHMARK_CAPTURE(SuperFrameSegment, shared, false, false);
BENCHMARK_CAPTURE(SuperFrameSegment, shared_checksums, false, true);
BENCHMARK_CAPTURE(SuperFrameSegment, copied, true, false);
BENCHMARK_CAPTURE(SuperFrameSegment, copied_checksums, true, true);

// Sent as one, received in pieces of 1448 bytes, freed.
void SuperFrameOverLoop(benchmark::State &state)
{
    for (auto _ : state)
        wires_loop_super_frame();
    SuperFrameBytes(state);
}
BENCHMARK(SuperFrameOverLoop);

// Both checksums of a frame, in one buffer or in a chain of 101 bytes each.
void Checksum(benchmark::State &state, bool chained)
{
    auto length = static_cast<uint32_t>(state.range(0));
    for (auto _ : state)
        wires_checksum(length, chained);
    state.SetItemsProcessed(state.iterations());
    state.SetBytesProcessed(state.iterations() * length);
}
BENCHMARK_CAPTURE(Checksum, one_buffer, false)->ArgName("frame")->Arg(66)->Arg(1514);
BENCHMARK_CAPTURE(Checksum, chained, true)->ArgName("frame")->Arg(1514);

} // namespace
