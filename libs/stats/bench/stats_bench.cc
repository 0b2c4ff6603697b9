// What the data path pays for being observed, and what a reader pays.

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <tpa/base/drop.h>
#include <tpa/base/trace.h>
#include <tpa/stats/counter.h>
#include <tpa/stats/mailbox.h>
#include <tpa/stats/trace.h>

namespace
{

void CounterBump(benchmark::State &state)
{
    uint64_t counters[8] = {};

    for (auto _ : state) {
        tpa_stats_counter_bump(&counters[3], 1);
        benchmark::ClobberMemory();
    }
    benchmark::DoNotOptimize(counters);
}
BENCHMARK(CounterBump);

void DropCount(benchmark::State &state)
{
    static tpa_base_drop_counters counters;
    unsigned int reason = 0;

    for (auto _ : state) {
        tpa_base_drop_count(&counters, static_cast<tpa_base_drop>(reason));
        reason = (reason + 1) % TPA_BASE_DROP_COUNT;
        benchmark::ClobberMemory();
    }
}
BENCHMARK(DropCount);

// The default ring of 8 KB, and none at all.
void TraceWrite(benchmark::State &state)
{
    alignas(64) static uint8_t memory[8192];
    tpa_base_trace *trace =
        state.range(0) ? tpa_base_trace_init(memory, sizeof(memory), TPA_BASE_TRACE_DETAIL, 1)
                       : nullptr;
    uint64_t now = 0;

    for (auto _ : state) {
        benchmark::DoNotOptimize(trace);
        now++;
        tpa_base_trace_write(trace, now, TPA_BASE_TRACE_SEGMENT_IN,
                             TPA_BASE_TRACE_SEGMENT(0x18, 1448), now, now, now);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(TraceWrite)->ArgName("enabled")->Arg(0)->Arg(1);

void TraceRead(benchmark::State &state)
{
    alignas(64) static uint8_t memory[8192];
    tpa_base_trace *trace = tpa_base_trace_init(memory, sizeof(memory), 0, 1);
    std::vector<tpa_stats_trace_event> events(trace->capacity);

    for (uint64_t now = 0; now < 1000; now++)
        tpa_base_trace_write(trace, now, TPA_BASE_TRACE_MARK, 1, 2, 3, 4);
    for (auto _ : state)
        benchmark::DoNotOptimize(
            tpa_stats_trace_read(trace, sizeof(memory), nullptr, events.data(), trace->capacity));
}
BENCHMARK(TraceRead);

// Sum of all drop reasons over 16 workers: what a tool does once a second.
void CountersRead(benchmark::State &state)
{
    tpa_stats_counters set;

    tpa_stats_counters_init(&set, 16);
    tpa_stats_counters_add(&set, "drop", tpa_stats_drop_counters, TPA_BASE_DROP_COUNT);

    size_t size = 16 * tpa_stats_counters_block_size(&set);
    void *memory = std::aligned_alloc(64, size);
    std::vector<uint64_t> values(set.block_length);

    tpa_stats_counters_attach(&set, memory, size);
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            tpa_stats_counters_read(&set, TPA_STATS_ALL_WORKERS, values.data()));
        benchmark::ClobberMemory();
    }
    std::free(memory);
}
BENCHMARK(CountersRead);

// The look for a request that a worker or control thread does all the time.
void MailboxPollEmpty(benchmark::State &state)
{
    static tpa_stats_mailbox_memory memory;
    tpa_stats_mailbox mailbox = {&memory, -1, -1};

    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_stats_mailbox_poll(&mailbox, nullptr, nullptr));
}
BENCHMARK(MailboxPollEmpty);

} // namespace
