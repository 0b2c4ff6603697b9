/*
 * tpa worker, tpa ss: what the workers do.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tpa/base/clock.h>

#include "counter.h"
#include "json.h"

static const char *state_of(const struct tool *tool, const struct tpa_api_export_worker *worker)
{
    if (worker->thread == 0)
        return "not started";
    if (!tool->alive)
        return "dead";
    return tool_age(worker->last_step) > TOOL_STUCK ? "stuck" : "running";
}

static void print_worker(const struct tool *tool, const struct tpa_api_export_worker *worker)
{
    printf("worker %u: %s", worker->index, state_of(tool, worker));
    if (worker->thread != 0)
        printf(", thread %d, last step %.3f s ago, %" PRIu64 " steps\n    packets in %" PRIu64
               " out %" PRIu64 ", handed off %" PRIu64 " in %" PRIu64 ", dropped %" PRIu64
               "\n    accepted %" PRIu64 ", connected %" PRIu64 ", socks %" PRIu64 " (%" PRIu64
               " not accepted), in TIME-WAIT %" PRIu64,
               worker->thread, (double)tool_age(worker->last_step) / 1e9, worker->steps,
               worker->packets_in, worker->packets_out, worker->handed_off, worker->handed_in,
               worker->drops, worker->accepted, worker->connected, worker->socks, worker->embryos,
               worker->time_waits);
    putchar('\n');
}

static void json_counters(const struct counters *counters, uint32_t worker)
{
    json_object("counters");
    for (uint32_t i = 0; i < counters->name_count; i++) {
        char name[sizeof(counters->names[i].name)];

        memcpy(name, counters->names[i].name, sizeof(name));
        tool_clean(name, sizeof(name));
        json_number(name, counter_of(counters, worker, name));
    }
    json_object_end();
}

static void json_worker(const struct tool *tool, const struct tpa_api_export_worker *worker,
                        const struct counters *counters)
{
    json_object(NULL);
    json_number("worker", worker->index);
    json_text("state", state_of(tool, worker));
    json_signed("thread", worker->thread);
    json_number("last_step_age_ns", worker->thread == 0 ? 0 : tool_age(worker->last_step));
    json_number("steps", worker->steps);
    json_number("packets_in", worker->packets_in);
    json_number("packets_out", worker->packets_out);
    json_number("handed_off", worker->handed_off);
    json_number("handed_in", worker->handed_in);
    json_number("dropped", worker->drops);
    json_number("accepted", worker->accepted);
    json_number("connected", worker->connected);
    json_number("socks", worker->socks);
    json_number("not_accepted", worker->embryos);
    json_number("time_waits", worker->time_waits);
    if (tool->flag['v'])
        json_counters(counters, worker->index);
    json_object_end();
}

static void print_workers(struct tool *tool, const struct tpa_api_export_worker *workers,
                          uint32_t count, const struct counters *counters)
{
    if (tool->flag['j']) {
        tool_json_begin(tool);
        json_array("workers");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tpa_api_export_worker worker = workers[i];

        worker.index = i;
        if (tool->flag['j']) {
            json_worker(tool, &worker, counters);
            continue;
        }
        print_worker(tool, &worker);
        if (tool->flag['v'])
            counters_print(counters, i, NULL, 0);
    }
    if (tool->flag['j']) {
        json_array_end();
        tool_json_end();
    }
}

int tool_worker(struct tool *tool)
{
    struct tpa_api_export_worker *workers;
    struct counters counters;
    uint64_t count;

    if (tool->argc > 0)
        return tool_misused(tool, "%s: not expected", tool->argv[0]);
    if (tool_open(tool) != TOOL_OK || counters_open(tool, &counters) != TOOL_OK)
        return TOOL_FAILED;
    workers = tool_records(tool, TPA_API_EXPORT_REGION_WORKERS, sizeof(*workers), &count);
    if (workers != NULL)
        print_workers(tool, workers,
                      count < counters.worker_count ? (uint32_t)count : counters.worker_count,
                      &counters);
    free(workers);
    counters_close(&counters);
    return workers != NULL ? TOOL_OK : TOOL_FAILED;
}

/* ---- Rates ---- */

struct rates {
    const struct counters *counters;
    const uint64_t *before;
    double seconds;
};

static double rate(const struct rates *rates, uint32_t worker, const char *name)
{
    struct counters earlier = *rates->counters;

    earlier.values = (uint64_t *)(uintptr_t)rates->before;
    return (double)(counter_of(rates->counters, worker, name) -
                    counter_of(&earlier, worker, name)) /
           rates->seconds;
}

static void print_rates(const struct rates *rates)
{
    printf("%6s %11s %11s %11s %9s %9s %9s %9s %9s\n", "worker", "steps/s", "pkts in/s",
           "pkts out/s", "Mb/s in", "Mb/s out", "retrans/s", "accept/s", "connect/s");
    for (uint32_t i = 0; i < rates->counters->worker_count; i++)
        printf("%6u %11.0f %11.0f %11.0f %9.1f %9.1f %9.0f %9.0f %9.0f\n", i,
               rate(rates, i, "worker.steps"), rate(rates, i, "worker.packets_in"),
               rate(rates, i, "worker.packets_out"), rate(rates, i, "tcp.bytes_in") * 8e-6,
               rate(rates, i, "tcp.bytes_out") * 8e-6, rate(rates, i, "tcp.retransmitted_segments"),
               rate(rates, i, "worker.accepted"), rate(rates, i, "worker.connected"));
}

static void wait_seconds(uint64_t seconds)
{
    struct timespec duration = {.tv_sec = (time_t)seconds};

    fflush(stdout);
    nanosleep(&duration, NULL);
}

static int rates_run(struct tool *tool, struct counters *counters, uint64_t rounds, uint64_t delay)
{
    size_t size = (size_t)counters->worker_count * counters->block_length * sizeof(uint64_t);
    uint64_t *before = malloc(size);
    int result = TOOL_OK;

    if (before == NULL)
        return tool_failed("no memory");
    for (uint64_t i = 0; (rounds == 0 || i < rounds) && result == TOOL_OK; i++) {
        uint64_t start = tpa_base_clock_monotonic();
        struct rates rates = {.counters = counters, .before = before};

        memcpy(before, counters->values, size);
        wait_seconds(delay);
        if (!tpa_stats_reader_is_alive(&tool->reader)) {
            result = tool_failed("%s has ended", tool->id);
            break;
        }
        result = counters_read(tool, counters);
        rates.seconds = (double)tool_age(start) / 1e9;
        print_rates(&rates);
        for (uint32_t w = 0; w < counters->worker_count && tool->flag['v']; w++)
            counters_print(counters, w, before, tool_age(start));
        tool_report_stuck(tool);
    }
    free(before);
    return result;
}

int tool_ss(struct tool *tool)
{
    struct counters counters;
    uint64_t rounds, delay;
    int result;

    if (tool->argc > 0)
        return tool_misused(tool, "%s: not expected", tool->argv[0]);
    if (!tool_number(tool, 'n', 0, UINT32_MAX, &rounds))
        return tool_misused(tool, "-n %s: not a number", tool->value['n']);
    if (!tool_number(tool, 'd', 1, 86400, &delay) || delay == 0)
        return tool_misused(tool, "-d %s: not a number of seconds", tool->value['d']);
    if (tool_open(tool) != TOOL_OK)
        return TOOL_FAILED;
    if (!tool->alive)
        return tool_failed("%s is dead: nothing happens any more", tool->id);
    if (counters_open(tool, &counters) != TOOL_OK)
        return TOOL_FAILED;
    result = rates_run(tool, &counters, rounds, delay);
    counters_close(&counters);
    return result;
}
