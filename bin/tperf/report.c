#include "bin/tperf/report.h"

#include <stdio.h>

static double seconds(const struct tperf_figures *figures)
{
    return figures->duration > 0 ? (double)figures->duration / 1e9 : 1e-9;
}

static double gigabits(const struct tperf_figures *figures, uint64_t bytes)
{
    return (double)bytes * 8 / seconds(figures) / 1e9;
}

static const struct {
    const char *name;
    double fraction;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

static double quantile_us(const struct tperf_figures *figures, size_t index)
{
    return (double)histogram_quantile(&figures->latency, quantiles[index].fraction) / 1e3;
}

static void report_json(const struct tperf_options *options, const struct tperf_figures *figures,
                        const char *stack)
{
    printf("{\"stack\":\"%s\",\"test\":\"%s\",\"message_size\":%u,\"threads\":%d,"
           "\"connections\":%llu,\"verify\":%s,\"zero_copy\":%s,\"seconds\":%.3f,"
           "\"sent_bytes\":%llu,\"received_bytes\":%llu,\"sent_gbps\":%.4f,"
           "\"received_gbps\":%.4f,\"requests\":%llu,\"requests_per_second\":%.1f,"
           "\"errors\":%llu,\"wrong_bytes\":%llu",
           stack, tperf_test_name(options->test), options->message_size, options->threads,
           (unsigned long long)figures->connections, options->verify ? "true" : "false",
           options->zero_copy ? "true" : "false", seconds(figures),
           (unsigned long long)figures->sent, (unsigned long long)figures->received,
           gigabits(figures, figures->sent), gigabits(figures, figures->received),
           (unsigned long long)figures->requests, (double)figures->requests / seconds(figures),
           (unsigned long long)figures->errors, (unsigned long long)figures->wrong);
    if (figures->requests > 0) {
        printf(",\"latency_us\":{\"min\":%.2f", (double)figures->latency.lowest / 1e3);
        for (size_t i = 0; i < QUANTILES; i++)
            printf(",\"%s\":%.2f", quantiles[i].name, quantile_us(figures, i));
        printf(",\"max\":%.2f}", (double)figures->latency.highest / 1e3);
    }
    printf("}\n");
}

static void report_latency(const struct tperf_figures *figures)
{
    printf("  latency      min %.1f us", (double)figures->latency.lowest / 1e3);
    for (size_t i = 0; i < QUANTILES; i++)
        printf(", %s %.1f", quantiles[i].name, quantile_us(figures, i));
    printf(", max %.1f\n", (double)figures->latency.highest / 1e3);
}

static void report_text(const struct tperf_options *options, const struct tperf_figures *figures,
                        const char *stack)
{
    printf("tperf %s over %s: messages of %u bytes%s%s, %d thread%s, %.1f s\n",
           tperf_test_name(options->test), stack, options->message_size,
           options->zero_copy ? ", zero-copy" : "", options->verify ? ", verified" : "",
           options->threads, options->threads > 1 ? "s" : "", seconds(figures));
    if (tperf_test_is_stream(options->test)) {
        printf("  sent         %.3f Gb/s (%llu bytes)\n", gigabits(figures, figures->sent),
               (unsigned long long)figures->sent);
        printf("  received     %.3f Gb/s (%llu bytes)\n", gigabits(figures, figures->received),
               (unsigned long long)figures->received);
    } else {
        printf("  requests     %.0f/s (%llu)\n", (double)figures->requests / seconds(figures),
               (unsigned long long)figures->requests);
        report_latency(figures);
    }
    printf("  connections  %llu\n", (unsigned long long)figures->connections);
    printf("  errors       %llu, wrong bytes %llu\n", (unsigned long long)figures->errors,
           (unsigned long long)figures->wrong);
}

void tperf_report(const struct tperf_options *options, const struct tperf_figures *figures,
                  const char *stack)
{
    if (options->json)
        report_json(options, figures, stack);
    else
        report_text(options, figures, stack);
    fflush(stdout);
}

void tperf_report_server(const struct tperf_server *servers, int count)
{
    uint64_t connections = 0, bytes = 0, lost = 0, wrong = 0;

    for (int i = 0; i < count; i++) {
        connections += servers[i].connections;
        bytes += servers[i].bytes;
        lost += servers[i].lost;
        wrong += servers[i].wrong;
    }
    printf(":: served %llu connections, received %llu bytes, %llu connections broke off, %llu "
           "wrong bytes\n",
           (unsigned long long)connections, (unsigned long long)bytes, (unsigned long long)lost,
           (unsigned long long)wrong);
    fflush(stdout);
}
