// Raising events and polling them, with a given number of registered sources.

#include <vector>

#include <benchmark/benchmark.h>

#include <tpa/base/random.h>
#include <tpa/event/queue.h>

namespace
{

constexpr uint32_t kInterest = TPA_EVENT_READY_IN | TPA_EVENT_READY_OUT;

class Sources
{
  public:
    explicit Sources(size_t count) : sources(count)
    {
        tpa_event_queue_init(&queue);
        for (tpa_event_source &source : sources) {
            tpa_event_source_init(&source);
            if (tpa_event_source_add(&queue, &source, kInterest, &source) != 0)
                abort();
        }
    }

    tpa_event_queue queue;
    std::vector<tpa_event_source> sources;
};

// One source raised and polled.
void RaisePoll(benchmark::State &state)
{
    Sources s(1);
    tpa_event_report report;
    for (auto _ : state) {
        tpa_event_source_raise(&s.queue, &s.sources[0], TPA_EVENT_READY_IN);
        benchmark::DoNotOptimize(tpa_event_queue_poll(&s.queue, &report, 1));
    }
}
BENCHMARK(RaisePoll);

// 32 sources, at random among as many as the argument says, raised and polled: time per event.
void RaisePollBurst(benchmark::State &state)
{
    constexpr int burst = 32;
    Sources s(state.range(0));
    tpa_event_report reports[burst];
    tpa_base_random random;
    tpa_base_random_seed(&random, 1);
    int64_t events = 0;
    for (auto _ : state) {
        for (int i = 0; i < burst; i++) {
            size_t index = tpa_base_random_below(&random, s.sources.size());
            tpa_event_source_raise(&s.queue, &s.sources[index], TPA_EVENT_READY_IN);
        }
        events += tpa_event_queue_poll(&s.queue, reports, burst);
    }
    state.SetItemsProcessed(events);
}
BENCHMARK(RaisePollBurst)->Arg(64)->Arg(1000000);

// A raise of what is pending already: one more packet for a connection that waits to be polled.
void RaiseAgain(benchmark::State &state)
{
    Sources s(1);
    tpa_event_source *source = &s.sources[0];
    tpa_event_source_raise(&s.queue, source, TPA_EVENT_READY_IN);
    for (auto _ : state) {
        benchmark::DoNotOptimize(source);
        tpa_event_source_raise(&s.queue, source, TPA_EVENT_READY_IN);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(RaiseAgain);

// A poll with nothing to report.
void PollIdle(benchmark::State &state)
{
    Sources s(state.range(0));
    tpa_event_report report;
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_event_queue_poll(&s.queue, &report, 1));
}
BENCHMARK(PollIdle)->Arg(1000000);

// Level-triggered: 32 sources that stay ready.
void PollLevel(benchmark::State &state)
{
    constexpr int burst = 32;
    Sources s(burst);
    tpa_event_report reports[burst];
    for (tpa_event_source &source : s.sources)
        tpa_event_source_raise(&s.queue, &source, TPA_EVENT_READY_IN);
    int64_t events = 0;
    for (auto _ : state)
        events += tpa_event_queue_poll_level(&s.queue, reports, burst);
    state.SetItemsProcessed(events);
}
BENCHMARK(PollLevel);

} // namespace
