#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include <tpa/base/error.h>
#include <tpa/base/random.h>

#include "extent.h"
#include "send_queue.h"
#include "stream.h"
#include "test/support/pools.h"

TestSuite(send_queue, .timeout = 120);

#define ENTRIES_MAX 32
#define BYTES_MAX   (1u << 20)
#define CHUNK_SIZE  8192

struct fixture {
    struct tpa_mem_pool *pool;
    struct tpa_tcp_send_worker worker;
    struct tpa_tcp_send_queue queue;
    uint8_t *memory; /* the stream from `start` on: what is sent from in place */
    uint32_t start;
};

static void set_up(struct fixture *f, uint32_t start)
{
    static struct tpa_mem_pool *pool;
    static uint8_t memory[2 * BYTES_MAX];
    struct tpa_tcp_send_worker_config config = {
        .source = &stream_chunk_source,
        .budget = UINT64_MAX,
        .entries_max = ENTRIES_MAX,
        .bytes_max = BYTES_MAX,
        .chunk_size = CHUNK_SIZE,
        .segments_max = 10,
    };

    if (pool == NULL)
        pool = tpa_test_pool(2000);
    config.pool = pool;
    *f = (struct fixture){.pool = pool, .start = start, .memory = memory};
    stream_fill(memory, start, sizeof(memory));
    cr_assert_eq(tpa_tcp_send_worker_init(&f->worker, &config), 0);
    tpa_tcp_send_queue_init(&f->queue, start);
}

static void tear_down(struct fixture *f)
{
    struct tpa_tcp_completion completion;

    tpa_tcp_send_queue_drop(&f->queue, &f->worker);
    while (tpa_tcp_send_worker_completed(&f->worker, &completion))
        continue;
    cr_assert_eq(f->queue.entries, 0);
    cr_assert_eq(f->worker.budget.used, 0);
    cr_assert_eq(f->worker.busy_count, 0);
    cr_assert_eq(tpa_tcp_send_worker_fini(&f->worker), 0);
    cr_assert_eq(stream_chunks, 0);
    tpa_test_pool_expect_idle(f->pool);
}

static void done(void *base, void *parameter)
{
    (void)base;
    (void)parameter;
}

/* The next `length` bytes of the stream, behind what is queued and `ahead` more. */
static struct tpa_tcp_send_piece piece(const struct fixture *f, uint32_t ahead, uint32_t length,
                                       bool copy)
{
    const uint8_t *base = f->memory + (f->queue.end - f->start) + ahead;

    return (struct tpa_tcp_send_piece){
        .base = base,
        .iova = (uint64_t)(uintptr_t)base,
        .length = length,
        .copy = copy,
        .done = copy ? NULL : done,
    };
}

static int64_t append(struct fixture *f, uint32_t length, bool copy)
{
    const struct tpa_tcp_send_piece one = piece(f, 0, length, copy);

    return tpa_tcp_send_queue_append(&f->queue, &f->worker, &one, 1, true, BYTES_MAX);
}

/* Reads [start + offset, + length), checks the bytes, and frees the packet. Returns what was read.
 */
static uint32_t read_at(struct fixture *f, uint32_t offset, uint32_t length)
{
    struct rte_mbuf *packet = tpa_mem_packet_alloc(f->pool);
    uint32_t count =
        tpa_tcp_send_queue_read(&f->queue, &f->worker, f->start + offset, length, packet);

    cr_assert_eq(tpa_mem_packet_length(packet), count);
    stream_expect(packet, 0, f->start + offset);
    tpa_mem_packet_free(packet);
    return count;
}

static void acknowledge(struct fixture *f, uint32_t offset)
{
    tpa_tcp_send_queue_acknowledge(&f->queue, &f->worker, f->start + offset);
}

static unsigned int completions(struct fixture *f)
{
    struct tpa_tcp_completion completion;
    unsigned int count = 0;

    while (tpa_tcp_send_worker_completed(&f->worker, &completion))
        count++;
    return count;
}

Test(send_queue, copied_data_comes_back_and_goes)
{
    for (int i = 0; i < STREAM_STARTS; i++) {
        struct fixture f;

        set_up(&f, stream_starts[i]);
        cr_assert_eq(append(&f, 20000, true), 20000);
        cr_assert_eq(f.queue.entries, 3); /* 8,192 twice, and the rest */
        memset(f.memory, 0, 20000);       /* it was copied */
        cr_assert_eq(read_at(&f, 0, 1460), 1460);
        cr_assert_eq(read_at(&f, 7000, 3000), 3000);
        cr_assert_eq(read_at(&f, 19999, 1), 1);
        acknowledge(&f, 5000);
        cr_assert_lt(f.worker.budget.used, 11 * tpa_mem_pool_buffer_size(f.pool));
        cr_assert_eq(read_at(&f, 5000, 10000), 10000);
        acknowledge(&f, 20000);
        cr_assert_eq(completions(&f), 0); /* nobody asked */
        cr_assert_eq(f.worker.extents.in_use, 0);
        cr_assert_eq(f.worker.budget.used, 0);
        tear_down(&f);
    }
}

Test(send_queue, data_in_place_is_completed_once_with_what_was_given)
{
    struct fixture f;
    struct tpa_tcp_completion completion;
    struct tpa_tcp_send_piece given;
    int parameter, reference;

    set_up(&f, 0xffffff00);
    given = piece(&f, 0, 200000, false);
    given.parameter = &parameter;
    given.reference = &reference;
    cr_assert_eq(tpa_tcp_send_queue_append(&f.queue, &f.worker, &given, 1, true, BYTES_MAX),
                 200000);
    cr_assert_eq(f.queue.entries, 1);
    cr_assert_eq(f.worker.budget.used, 0); /* our own memory isn't used */
    acknowledge(&f, 100000);
    cr_assert_eq(read_at(&f, 150000, 1460), 1460);
    cr_assert_eq(completions(&f), 0);
    acknowledge(&f, 200000);
    cr_assert(tpa_tcp_send_worker_completed(&f.worker, &completion));
    cr_assert_eq(completion.done, done);
    cr_assert_eq(completion.base, given.base);
    cr_assert_eq(completion.parameter, &parameter);
    cr_assert_eq(completion.reference, &reference);
    cr_assert_not(tpa_tcp_send_worker_completed(&f.worker, &completion));
    tear_down(&f);
}

/* Acknowledged, but the port has the packet still: the memory isn't handed back. */
Test(send_queue, completion_waits_for_the_port)
{
    struct fixture f;
    struct rte_mbuf *packets[2];

    set_up(&f, 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(append(&f, 5000, false), 5000);
        packets[i] = tpa_mem_packet_alloc(f.pool);
        cr_assert_eq(
            tpa_tcp_send_queue_read(&f.queue, &f.worker, 5000u * (uint32_t)i, 1460, packets[i]),
            1460);
    }
    acknowledge(&f, 10000);
    cr_assert_eq(completions(&f), 0);
    cr_assert_eq(tpa_tcp_send_worker_fini(&f.worker), TPA_EBUSY);
    tpa_mem_packet_free(packets[1]);
    cr_assert_eq(completions(&f), 1);
    stream_expect(packets[0], 0, 0);
    tpa_mem_packet_free(packets[0]);
    cr_assert_eq(completions(&f), 1);
    tear_down(&f);
}

Test(send_queue, copied_buffers_stay_while_a_port_reads_them)
{
    struct fixture f;
    struct rte_mbuf *packet;

    set_up(&f, 0);
    append(&f, 3000, true);
    packet = tpa_mem_packet_alloc(f.pool);
    cr_assert_eq(tpa_tcp_send_queue_read(&f.queue, &f.worker, 0, 3000, packet), 3000);
    acknowledge(&f, 3000);
    cr_assert_eq(f.worker.budget.used, 0);
    append(&f, 3000, true); /* may not get the same buffers */
    stream_expect(packet, 0, 0);
    tpa_mem_packet_free(packet);
    tear_down(&f);
}

Test(send_queue, small_writes_share_a_buffer)
{
    struct fixture f;

    set_up(&f, 0xfffffff0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(append(&f, 10, true), 10);
    cr_assert_leq(f.queue.entries, 6);
    cr_assert_leq(f.worker.budget.used, 6 * tpa_mem_pool_buffer_size(f.pool));
    cr_assert_eq(read_at(&f, 0, 10000), 10000);
    /* Also into a buffer that a port is reading. */
    acknowledge(&f, 9995);
    cr_assert_eq(append(&f, 10, true), 10);
    cr_assert_eq(read_at(&f, 9995, 15), 15);
    tear_down(&f);
}

Test(send_queue, a_completion_closes_its_buffer)
{
    struct fixture f;
    struct tpa_tcp_send_piece asked;

    set_up(&f, 0);
    append(&f, 10, true);
    asked = piece(&f, 0, 10, true);
    asked.done = done;
    tpa_tcp_send_queue_append(&f.queue, &f.worker, &asked, 1, true, BYTES_MAX);
    cr_assert_eq(f.queue.entries, 1); /* it ends what is there, */
    append(&f, 10, true);
    cr_assert_eq(f.queue.entries, 2); /* and nothing is put behind it */
    acknowledge(&f, 19);
    cr_assert_eq(completions(&f), 0);
    acknowledge(&f, 20);
    cr_assert_eq(completions(&f), 1);
    tear_down(&f);
}

Test(send_queue, many_pieces_at_once)
{
    struct fixture f;
    struct tpa_tcp_send_piece pieces[4];

    set_up(&f, 0xfffffff0);
    pieces[0] = piece(&f, 0, 100, true);
    pieces[1] = piece(&f, 100, 50, true);
    pieces[2] = piece(&f, 150, 3000, false);
    pieces[3] = piece(&f, 3150, 5, true);
    cr_assert_eq(tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, 4, true, BYTES_MAX), 3155);
    cr_assert_eq(f.queue.entries, 3);
    cr_assert_eq(read_at(&f, 0, 3155), 3155);
    cr_assert_eq(tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, 0, true, BYTES_MAX), 0);
    pieces[1].length = 0;
    cr_assert_eq(tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, 4, true, BYTES_MAX),
                 TPA_EINVAL);
    cr_assert_eq(tpa_tcp_send_queue_bytes(&f.queue), 3155);
    tear_down(&f);
}

Test(send_queue, bytes_are_bounded)
{
    struct fixture f;
    struct tpa_tcp_send_piece large;

    set_up(&f, 0);
    cr_assert_eq(append(&f, BYTES_MAX + 1, false), TPA_EMSGSIZE);
    cr_assert_eq(append(&f, BYTES_MAX - 10, false), BYTES_MAX - 10);
    cr_assert_eq(tpa_tcp_send_queue_room(&f.queue, &f.worker, BYTES_MAX), 10);
    cr_assert_eq(append(&f, 11, true), TPA_EAGAIN);
    large = piece(&f, 0, 11, true);
    large.done = done;
    cr_assert_eq(tpa_tcp_send_queue_append(&f.queue, &f.worker, &large, 1, false, BYTES_MAX), 10);
    cr_assert_eq(tpa_tcp_send_queue_append(&f.queue, &f.worker, &large, 1, false, BYTES_MAX),
                 TPA_EAGAIN);
    cr_assert_eq(tpa_tcp_send_queue_room(&f.queue, &f.worker, BYTES_MAX), 0);
    acknowledge(&f, BYTES_MAX);
    cr_assert_eq(completions(&f), 2); /* that of the part too */
    tear_down(&f);
}

/* Connections whose peers don't read leave something of the budget to those who have nothing
 * queued.
 */
Test(send_queue, full_ones_leave_a_reserve_to_empty_ones)
{
    struct tpa_tcp_send_queue other;
    struct tpa_tcp_send_piece one;
    struct fixture f;

    set_up(&f, 0);
    f.worker.budget.limit = 16 * tpa_mem_pool_buffer_size(f.pool);
    while (append(&f, 1000, true) > 0)
        ;
    cr_assert_leq(f.worker.budget.used, f.worker.budget.limit * 7 / 8 + 1);

    tpa_tcp_send_queue_init(&other, 0);
    one = piece(&f, 0, 1000, true);
    cr_assert_eq(tpa_tcp_send_queue_append(&other, &f.worker, &one, 1, true, BYTES_MAX), 1000);
    tpa_tcp_send_queue_drop(&other, &f.worker);
    acknowledge(&f, tpa_tcp_send_queue_bytes(&f.queue));
    tear_down(&f);
}

Test(send_queue, entries_are_bounded)
{
    struct fixture f;
    struct tpa_tcp_send_piece pieces[ENTRIES_MAX + 1];

    set_up(&f, 0);
    for (uint32_t i = 0; i <= ENTRIES_MAX; i++)
        pieces[i] = piece(&f, i, 1, false);
    cr_assert_eq(
        tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, ENTRIES_MAX + 1, true, BYTES_MAX),
        TPA_EMSGSIZE);
    append(&f, 1, false);
    cr_assert_eq(
        tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, ENTRIES_MAX, true, BYTES_MAX),
        TPA_EAGAIN);
    cr_assert_eq(f.worker.extents.in_use, 1);
    cr_assert_eq(
        tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, ENTRIES_MAX, false, BYTES_MAX),
        ENTRIES_MAX - 1);
    cr_assert_eq(append(&f, 1, false), TPA_EAGAIN);
    cr_assert_eq(tpa_tcp_send_queue_room(&f.queue, &f.worker, BYTES_MAX), 0);
    tear_down(&f);
}

Test(send_queue, the_budget_bounds_copied_data)
{
    struct fixture f;

    set_up(&f, 0);
    f.worker.budget.limit = 2 * tpa_mem_pool_buffer_size(f.pool);
    cr_assert_eq(append(&f, 10000, true), TPA_ENOMEM);
    cr_assert_eq(f.worker.budget.used, 0);
    cr_assert_eq(append(&f, 3000, true), 3000);
    cr_assert_eq(append(&f, 10000, false), 10000); /* in place needs none */
    acknowledge(&f, 13000);
    cr_assert_eq(append(&f, 3000, true), 3000);
    tear_down(&f);
}

/* Attack 46. Each allocation fails once. What was refused leaves nothing behind. */
Test(send_queue, every_allocation_fails_once)
{
    for (int which = 0; which < 2; which++) {
        int64_t n = 1, result;

        do {
            struct fixture f;
            struct tpa_tcp_send_piece pieces[3];
            int64_t *countdown;

            set_up(&f, 0);
            countdown = which == 0 ? &f.pool->fault_countdown : &f.worker.extents.fault_countdown;
            pieces[0] = piece(&f, 0, 5000, true);
            pieces[1] = piece(&f, 5000, 700, false);
            pieces[2] = piece(&f, 5700, 20000, true);
            *countdown = n++;
            result = tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, 3, true, BYTES_MAX);
            if (*countdown != 0) { /* it wasn't reached: done */
                *countdown = 0;
                cr_assert_eq(result, 25700);
                tear_down(&f);
                break;
            }
            cr_assert_eq(result, TPA_ENOMEM);
            cr_assert_eq(f.worker.extents.in_use, 0);
            cr_assert_eq(f.worker.budget.used, 0);
            tpa_test_pool_expect_idle(f.pool);

            /* As much as there is memory for. */
            *countdown = n - 1;
            result = tpa_tcp_send_queue_append(&f.queue, &f.worker, pieces, 3, false, BYTES_MAX);
            cr_assert(result == TPA_ENOMEM || (result > 0 && result < 25700));
            if (result > 0)
                for (uint32_t at = 0; at < result; at += 1000)
                    cr_assert_gt(read_at(&f, at, TPA_BASE_MIN(1000u, (uint32_t)result - at)), 0);
            tear_down(&f);
        } while (n < 100);
        cr_assert_gt(n, 3);
        cr_assert_lt(n, 100);
    }
}

Test(send_queue, packets_have_a_bounded_number_of_segments)
{
    struct fixture f;

    set_up(&f, 0);
    for (int i = 0; i < 20; i++)
        append(&f, 300, false);
    /* 9 beside the header; each points at one extent. */
    cr_assert_eq(read_at(&f, 0, 6000), 2700);
    cr_assert_eq(read_at(&f, 100, 5900), 200 + 9 * 300); /* 200 are copied */
    tear_down(&f);
}

Test(send_queue, small_pieces_are_copied_together)
{
    struct fixture f;
    struct rte_mbuf *packet;

    set_up(&f, 0);
    for (int i = 0; i < 20; i++)
        append(&f, 70, false);
    packet = tpa_mem_packet_alloc(f.pool);
    cr_assert_eq(tpa_tcp_send_queue_read(&f.queue, &f.worker, 0, 1400, packet), 1400);
    cr_assert_eq(tpa_mem_packet_segments(packet), 1);
    stream_expect(packet, 0, 0);
    acknowledge(&f, 1400);
    cr_assert_eq(completions(&f), 20); /* the port reads none of them */
    tpa_mem_packet_free(packet);
    tear_down(&f);
}

Test(send_queue, the_pool_is_empty)
{
    struct fixture f;
    struct rte_mbuf *packet;

    set_up(&f, 0);
    append(&f, 6000, true);
    packet = tpa_mem_packet_alloc(f.pool);
    f.pool->fault_countdown = 1;
    cr_assert_eq(tpa_tcp_send_queue_read(&f.queue, &f.worker, 0, 6000, packet), 0);
    f.pool->fault_countdown = 2;
    cr_assert_eq(tpa_tcp_send_queue_read(&f.queue, &f.worker, 0, 6000, packet), f.pool->data_size);
    tpa_mem_packet_free(packet);
    tear_down(&f);
}

/* References to one extent are counted in 16 bits. */
Test(send_queue, references_to_one_extent_are_bounded)
{
    struct fixture f;
    struct rte_mbuf *packet;

    set_up(&f, 0);
    append(&f, 6000, false);
    packet = tpa_mem_packet_alloc(f.pool);
    f.queue.first->external.shared.refcnt = TPA_MEM_EXTERNAL_REFERENCES_MAX;
    cr_assert_eq(tpa_tcp_send_queue_read(&f.queue, &f.worker, 0, 6000, packet), 0);
    f.queue.first->external.shared.refcnt = 1;
    tpa_mem_packet_free(packet);
    tear_down(&f);
}

Test(send_queue, a_received_packet_is_sent_on)
{
    struct fixture f;
    struct rte_mbuf *packet;
    int parameter;
    struct tpa_tcp_completion completion;

    set_up(&f, 0xffffff00);
    packet = stream_packet(f.pool, f.start, 5000);
    cr_assert_eq(tpa_tcp_send_queue_append_packet(&f.queue, &f.worker, packet, done, &parameter),
                 0);
    cr_assert_eq(read_at(&f, 0, 5000), 5000);
    acknowledge(&f, 3000);
    cr_assert_eq(read_at(&f, 3000, 2000), 2000);
    acknowledge(&f, 5000);
    cr_assert(tpa_tcp_send_worker_completed(&f.worker, &completion));
    cr_assert_eq(completion.parameter, &parameter);
    tear_down(&f);
}

Test(send_queue, drop_completes_everything)
{
    struct fixture f;

    set_up(&f, 0);
    append(&f, 5000, false);
    append(&f, 5000, true);
    append(&f, 5000, false);
    tpa_tcp_send_queue_drop(&f.queue, &f.worker);
    cr_assert_eq(completions(&f), 2);
    tear_down(&f);
}

/* Sending, sending again and acknowledging at random, on extents of all kinds and sizes. */
static void run(uint64_t seed, uint32_t start)
{
    struct tpa_base_random random;
    uint32_t una = 0, nxt = 0, completed = 0, asked = 0;
    struct fixture f;

    set_up(&f, start);
    tpa_base_random_seed(&random, seed);
    for (int step = 0; step < 1500 && f.queue.end - start < BYTES_MAX; step++) {
        uint32_t choice = (uint32_t)tpa_base_random_below(&random, 100);
        uint32_t length = 1 + (uint32_t)tpa_base_random_below(&random, 1u << (step % 14));
        uint32_t end = f.queue.end - start;

        if (choice < 40) {
            struct tpa_tcp_send_piece one = piece(&f, 0, length, choice < 25);
            int64_t taken;

            one.done = choice % 4 == 0 ? done : NULL;
            taken =
                tpa_tcp_send_queue_append(&f.queue, &f.worker, &one, 1, choice % 2 == 0, BYTES_MAX);
            asked += taken > 0 && one.done != NULL;
            cr_assert(taken > 0 || taken == TPA_EAGAIN);
        } else if (choice < 70 && nxt < end) {
            nxt += read_at(&f, nxt, TPA_BASE_MIN(length, end - nxt));
        } else if (choice < 85 && una < nxt) {
            uint32_t at = una + (uint32_t)tpa_base_random_below(&random, nxt - una);

            read_at(&f, at, TPA_BASE_MIN(length, nxt - at));
        } else if (una < nxt) {
            una += 1 + (uint32_t)tpa_base_random_below(&random, nxt - una);
            acknowledge(&f, una);
            completed += completions(&f);
            cr_assert_leq(completed, asked);
        }
        cr_assert_eq(f.queue.end - tpa_tcp_send_queue_bytes(&f.queue), start + una);
    }
    acknowledge(&f, f.queue.end - start);
    completed += completions(&f);
    cr_assert_eq(completed, asked);
    cr_assert_eq(f.worker.extents.in_use, 0);
    tear_down(&f);
}

Test(send_queue, random_use_at_every_start)
{
    for (uint64_t seed = 1; seed <= 40; seed++)
        run(seed, stream_starts[seed % STREAM_STARTS] - (uint32_t)(seed * 1000));
}
