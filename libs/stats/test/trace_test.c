#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/address.h>
#include <tpa/base/drop.h>
#include <tpa/stats/trace.h>

TestSuite(trace);

#define SLOTS 8
#define SIZE  (sizeof(struct tpa_base_trace) + SLOTS * sizeof(struct tpa_base_trace_record))

static _Alignas(64) uint8_t memory[SIZE];

static struct tpa_base_trace *make(uint32_t flags)
{
    return tpa_base_trace_init(memory, SIZE, flags, 5);
}

static void mark(struct tpa_base_trace *trace, uint64_t now)
{
    tpa_base_trace_write(trace, now, TPA_BASE_TRACE_MARK, now, now + 1, now + 2, now + 3);
}

static const char *format(enum tpa_base_trace_kind kind, uint64_t a, uint64_t b, uint64_t c,
                          uint64_t d)
{
    static char text[TPA_STATS_TRACE_TEXT];
    struct tpa_stats_trace_event event = {.kind = (uint8_t)kind, .argument = {a, b, c, d}};

    cr_assert_eq(tpa_stats_trace_format(&event, text, sizeof(text)), strlen(text));
    return text;
}

Test(trace, reads_events_oldest_first)
{
    struct tpa_base_trace *trace = make(0);
    struct tpa_stats_trace_event events[SLOTS];
    struct tpa_stats_trace_summary summary;

    mark(trace, 100);
    mark(trace, 200);

    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, &summary, events, SLOTS), 2);
    cr_assert_eq(events[0].index, 0);
    cr_assert_eq(events[0].time, 100);
    cr_assert_eq(events[0].kind, TPA_BASE_TRACE_MARK);
    cr_assert_eq(events[1].time, 200);
    cr_assert_eq(events[1].argument[3], 203);
    cr_assert_eq(summary.written, 2);
    cr_assert_eq(summary.overwritten, 0);
    cr_assert_eq(summary.owner, 5);
    cr_assert_eq(summary.capacity, SLOTS);
}

Test(trace, a_ring_that_wrapped_gives_its_newest_but_for_the_slot_in_the_writers_hand)
{
    struct tpa_base_trace *trace = make(0);
    struct tpa_stats_trace_event events[SLOTS];
    struct tpa_stats_trace_summary summary;

    for (uint64_t now = 0; now < 21; now++)
        mark(trace, now);

    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, &summary, events, SLOTS), SLOTS - 1);
    for (unsigned int i = 0; i < SLOTS - 1; i++) {
        cr_assert_eq(events[i].index, 21 - (SLOTS - 1) + i);
        cr_assert_eq(events[i].time, events[i].index);
    }
    cr_assert_eq(summary.overwritten, 21 - SLOTS);
}

Test(trace, gives_the_newest_when_there_is_room_for_few)
{
    struct tpa_base_trace *trace = make(0);
    struct tpa_stats_trace_event events[2];

    for (uint64_t now = 0; now < 6; now++)
        mark(trace, now);

    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, NULL, events, 2), 2);
    cr_assert_eq(events[0].time, 4);
    cr_assert_eq(events[1].time, 5);
    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, NULL, NULL, 0), 0);
}

Test(trace, a_ring_that_does_not_wrap_gives_all_it_has)
{
    struct tpa_base_trace *trace = make(TPA_BASE_TRACE_NO_WRAP);
    struct tpa_stats_trace_event events[SLOTS];
    struct tpa_stats_trace_summary summary;

    for (uint64_t now = 0; now < SLOTS + 3; now++)
        mark(trace, now);

    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, &summary, events, SLOTS), SLOTS);
    cr_assert_eq(events[0].time, 0);
    cr_assert_eq(events[SLOTS - 1].time, SLOTS - 1);
    cr_assert_eq(summary.lost, 3);
}

Test(trace, hostile_rings_are_refused_or_harmless)
{
    struct tpa_base_trace *trace = make(0);
    struct tpa_stats_trace_event events[SLOTS];

    mark(trace, 1);
    cr_assert_eq(tpa_stats_trace_read(trace, sizeof(*trace) - 1, NULL, events, SLOTS),
                 TPA_EMALFORMED);
    cr_assert_eq(tpa_stats_trace_read(trace, SIZE - 1, NULL, events, SLOTS), TPA_EMALFORMED);

    trace->capacity = 0;
    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, NULL, events, SLOTS), TPA_EMALFORMED);
    trace->capacity = UINT32_MAX;
    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, NULL, events, SLOTS), TPA_EMALFORMED);

    memset(memory + 64, 0xff, SIZE - 64);
    trace->capacity = SLOTS;
    trace->written = UINT64_MAX;
    cr_assert_eq(tpa_stats_trace_read(trace, SIZE, NULL, events, SLOTS), SLOTS - 1);
    for (int i = 0; i < SLOTS - 1; i++) {
        char text[TPA_STATS_TRACE_TEXT];

        cr_assert_eq(events[i].kind, 0xff);
        cr_assert_gt(tpa_stats_trace_format(&events[i], text, sizeof(text)), 0);
        cr_assert_eq(strncmp(text, "unknown event 255:", 18), 0);
    }
}

/* A writer that never stops, and rings made anew under the reader's eyes. */
static int stop;

static void *write_without_end(void *argument)
{
    struct tpa_base_trace *trace = argument;

    for (uint64_t now = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); now++)
        mark(trace, now);
    return NULL;
}

Test(trace, events_read_from_a_ring_being_written_are_whole)
{
    struct tpa_base_trace *trace = make(0);
    struct tpa_stats_trace_event events[SLOTS];
    pthread_t writer;
    uint64_t seen = 0;

    pthread_create(&writer, NULL, write_without_end, trace);
    for (int round = 0; round < 200000 || seen < 1000; round++) {
        int count = tpa_stats_trace_read(trace, SIZE, NULL, events, SLOTS);

        cr_assert_geq(count, 0);
        for (int i = 0; i < count; i++) {
            cr_assert_eq(events[i].time, events[i].index);
            for (unsigned int j = 0; j < 4; j++)
                cr_assert_eq(events[i].argument[j], events[i].index + j);
        }
        seen += (uint64_t)count;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(writer, NULL);
}

Test(trace, every_format_takes_known_conversions_and_at_most_four_arguments)
{
    static const char *const formats[] = {
#define FORMAT(constant, level, name, format) format,
        TPA_BASE_TRACE_LIST(FORMAT)
#undef FORMAT
    };

    for (unsigned int kind = 0; kind < TPA_BASE_TRACE_COUNT; kind++) {
        unsigned int taken = 0;

        for (const char *c = strchr(formats[kind], '%'); c != NULL; c = strchr(c + 1, '%')) {
            cr_assert(c[1] != '\0' && strchr("udxtpqfseerwag", c[1]), "%s", formats[kind]);
            taken += c[1] == 'a' ? 2 : 1;
        }
        cr_assert_leq(taken, 4, "%s", formats[kind]);
        format((enum tpa_base_trace_kind)kind, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX);
        format((enum tpa_base_trace_kind)kind, 0, 0, 0, 0);
    }
}

Test(trace, formats_what_happened_in_words)
{
    struct tpa_base_address address = tpa_base_address_from_ipv4(htonl(0x0a000001));

    cr_assert_str_eq(format(TPA_BASE_TRACE_STATE, 3, 4, 0, 0), "state: ESTABLISHED -> FIN-WAIT-1");
    cr_assert_str_eq(format(TPA_BASE_TRACE_STATE, 9, 10, 0, 0), "state: TIME-WAIT -> state 10");
    cr_assert_str_eq(format(TPA_BASE_TRACE_REMOTE, address.u64[0], address.u64[1], 80, 0),
                     "remote: 10.0.0.1 port 80");
    cr_assert_str_eq(format(TPA_BASE_TRACE_SEGMENT_IN, TPA_BASE_TRACE_SEGMENT(0x18, 1448),
                            4294967295u, 7, 65535),
                     "in: PSH|ACK len 1448 seq 4294967295 ack 7 win 65535");
    cr_assert_str_eq(format(TPA_BASE_TRACE_SEGMENT_OUT, TPA_BASE_TRACE_SEGMENT(0, 0), 1, 2, 3),
                     "out: 0x0 len 0 seq 1 ack 2 win 3");
    cr_assert_str_eq(format(TPA_BASE_TRACE_RTO, 2, 400000000, 10, 20),
                     "rto: time-out 2, next after 400.000ms, snd_una 10, snd_nxt 20");
    cr_assert_str_eq(format(TPA_BASE_TRACE_RTT, 999, 1000, 1234567, 61000000000),
                     "rtt: sample 999ns, srtt 1.000us, rttvar 1.234ms, rto 61.000s");
    cr_assert_str_eq(format(TPA_BASE_TRACE_ERROR, (uint64_t)TPA_ERESET, 3, 0, 0),
                     "error: connection reset by peer, in state ESTABLISHED");
    cr_assert_str_eq(format(TPA_BASE_TRACE_DROP, TPA_BASE_DROP_TCP_PAWS, 5, 0x10, 0),
                     "drop: tcp.paws: seq 5, ACK len 0");
    cr_assert_str_eq(format(TPA_BASE_TRACE_DROP, UINT64_MAX, 5, 0x10, 0),
                     "drop: unknown: seq 5, ACK len 0");
    cr_assert_str_eq(format(TPA_BASE_TRACE_EVENT, 0x5, 0, 0, 0), "event: IN|OUT");
    cr_assert_str_eq(format(TPA_BASE_TRACE_EVENT, 0x19, 0, 0, 0), "event: IN|ERR|HUP");
    cr_assert_str_eq(format(TPA_BASE_TRACE_EVENT, 0x21, 0, 0, 0), "event: IN|0x20");
    cr_assert_str_eq(format(TPA_BASE_TRACE_NEGOTIATED, 1460, 7, (uint64_t)-1, 3),
                     "negotiated: mss 1460, window scale send 7 receive -1, options 0x3");
    cr_assert_str_eq(tpa_stats_trace_name(TPA_BASE_TRACE_STATE), "state");
    cr_assert_str_eq(tpa_stats_trace_name(TPA_BASE_TRACE_COUNT), "unknown");
}

Test(trace, a_text_is_cut_to_its_room)
{
    struct tpa_stats_trace_event event = {.kind = TPA_BASE_TRACE_STATE, .argument = {3, 4}};
    char text[16];

    for (size_t size = 0; size <= sizeof(text); size++) {
        memset(text, 'z', sizeof(text));
        size_t length = tpa_stats_trace_format(&event, text, size);

        cr_assert_eq(length, size > 0 ? size - 1 : 0);
        cr_assert_eq(strncmp(text, "state: ESTABLISHED", length), 0);
        if (size > 0)
            cr_assert_eq(text[length], '\0');
        if (size < sizeof(text))
            cr_assert_eq(text[size], 'z');
    }
}

Test(trace, prints_times_since_the_first_event_and_the_last)
{
    struct tpa_stats_trace_event events[] = {
        {.time = 5000000000, .kind = TPA_BASE_TRACE_STATE, .argument = {0, 1}},
        {.time = 6500000007, .kind = TPA_BASE_TRACE_STATE, .argument = {1, 3}},
        {.time = 6500000010, .kind = TPA_BASE_TRACE_STATE, .argument = {3, 0}},
    };
    char text[512] = "";
    FILE *stream = fmemopen(text, sizeof(text), "w");

    cr_assert_eq(tpa_stats_trace_print(events, 3, stream), 0);
    fclose(stream);
    cr_assert_str_eq(text, "     0.000000000 +0            state: CLOSED -> SYN-SENT\n"
                           "     1.500000007 +1500000007   state: SYN-SENT -> ESTABLISHED\n"
                           "     1.500000010 +3            state: ESTABLISHED -> CLOSED\n");
}
