/* Captures: their bytes as the format says, and as tshark reads them where it is installed. */
#include <tpa/netdev/capture.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <tpa/netdev/impair.h>
#include <tpa/netdev/mock.h>

#include "expect.h"
#include "test/support/pools.h"
#include "test/support/scratch.h"

enum {
    QUEUES = 2,
    EPB_HEADER = 28
};

static struct tpa_mem_pool *pool;
static struct tpa_netdev *mock;
static struct tpa_netdev *device;
static struct frame frame;
static struct scratch scratch;
static char path[SCRATCH_PATH_SIZE];

static void setup(void)
{
    struct tpa_netdev_mock_config config = {.queue_count = QUEUES,
                                            .capabilities = TPA_NETDEV_CAPABILITIES_ALL};

    pool = tpa_test_pool(1024);
    scratch_make(&scratch);
    scratch_path(&scratch, "capture.pcapng", path);
    cr_assert_eq(tpa_netdev_mock_create(&config, &mock), 0);
    device = tpa_netdev_capture_wrap(mock);
    cr_assert_not_null(device);
    cr_assert_eq(tpa_netdev_start(device), 0);
}

static void teardown(void)
{
    tpa_netdev_close(device);
    scratch_remove(&scratch);
    tpa_test_pool_expect_idle(pool);
}

static void start(uint64_t size_limit)
{
    struct tpa_netdev_capture_config config = {
        .path = path, .size_limit = size_limit, .wall_clock_offset = UINT64_C(1700000000000000000)};

    cr_assert_eq(tpa_netdev_capture_start(device, &config), 0);
}

static struct rte_mbuf *make(const struct frame_template *template)
{
    struct rte_mbuf *packet;

    frame_build(template, &frame);
    packet = frame_packet(&frame, pool, 0, NULL);
    packet_request(packet, &frame, 0);
    return packet;
}

static void send(uint16_t queue, struct rte_mbuf *packet, uint64_t now)
{
    cr_assert_eq(tpa_netdev_tx_burst(device, queue, &packet, 1, now), 1);
    tpa_mem_packet_free(tpa_netdev_mock_take(mock, queue));
}

static void receive(uint16_t queue, struct rte_mbuf *packet, uint64_t now)
{
    struct rte_mbuf *received;

    packet->ol_flags &= RTE_MBUF_F_RX_VLAN_STRIPPED;
    tpa_netdev_mock_inject(mock, queue, packet);
    cr_assert_eq(tpa_netdev_rx_burst(device, queue, &received, 1, now), 1);
    tpa_mem_packet_free(received);
}

static uint8_t *read_file(size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 24);

    cr_assert_not_null(file);
    *size = fread(bytes, 1, 1 << 24, file);
    fclose(file);
    return bytes;
}

static uint32_t word(const uint8_t *bytes, size_t offset)
{
    uint32_t value;

    memcpy(&value, bytes + offset, sizeof(value));
    return value;
}

/* The blocks of the file of one type, checked for their frames; offsets of up to `max`. */
static unsigned int find_blocks(const uint8_t *bytes, size_t size, uint32_t type, size_t *offsets,
                                unsigned int max)
{
    unsigned int count = 0;

    for (size_t offset = 0; offset < size;) {
        uint32_t length = word(bytes, offset + 4);

        cr_assert_eq(length % 4, 0);
        cr_assert_leq(offset + length, size, "a block beyond the end of the file");
        cr_assert_eq(word(bytes, offset + length - 4), length);
        if (word(bytes, offset) == type) {
            if (count < max)
                offsets[count] = offset;
            count++;
        }
        offset += length;
    }
    return count;
}

static unsigned int packets_in_file(void)
{
    size_t size;
    uint8_t *bytes = read_file(&size);
    unsigned int count = find_blocks(bytes, size, 6, NULL, 0);

    free(bytes);
    return count;
}

TestSuite(capture, .init = setup, .fini = teardown);

Test(capture, the_file_has_its_headers_and_every_packet_with_its_time)
{
    size_t offsets[3];
    size_t size;
    uint8_t *bytes;

    start(0);
    send(1, make(&(struct frame_template){.payload = 33}), 1);
    receive(0, make(&(struct frame_template){.payload = 100}), 2000000001);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);

    bytes = read_file(&size);
    cr_assert_eq(find_blocks(bytes, size, 0x0a0d0d0a, offsets, 1), 1);
    cr_assert_eq(offsets[0], 0);
    cr_assert_eq(word(bytes, 8), 0x1a2b3c4d);
    cr_assert_eq(find_blocks(bytes, size, 1, offsets, 1), 1);
    cr_assert_eq(word(bytes, offsets[0] + 8), 1, "Ethernet");
    cr_assert_eq(find_blocks(bytes, size, 6, offsets, 3), 2);
    cr_assert_eq((uint64_t)word(bytes, offsets[1] + 12) << 32 | word(bytes, offsets[1] + 16),
                 UINT64_C(1700000002000000001));
    cr_assert_eq(word(bytes, offsets[1] + 20), frame.length);
    cr_assert_eq(word(bytes, offsets[1] + 24), frame.length);
    cr_assert_eq(memcmp(bytes + offsets[1] + EPB_HEADER, frame.bytes, frame.length), 0);
    free(bytes);
}

Test(capture, checksums_that_the_port_is_to_compute_are_right_in_the_file)
{
    for (int kind = 0; kind < 4; kind++) {
        struct frame_template template = {.ipv6 = kind & 1, .udp = kind & 2, .payload = 777};
        size_t offset;
        size_t size;
        uint8_t *bytes;

        start(0);
        send(0, make(&template), 0);
        cr_assert_eq(tpa_netdev_capture_stop(device), 0);
        bytes = read_file(&size);
        cr_assert_eq(find_blocks(bytes, size, 6, &offset, 1), 1);
        reference_fill_checksums(&frame);
        cr_assert_eq(memcmp(bytes + offset + EPB_HEADER, frame.bytes, frame.length), 0);
        free(bytes);
    }
}

Test(capture, the_packet_that_is_sent_is_untouched)
{
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 777});

    start(0);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);
    cr_assert_eq(tpa_netdev_mock_take(mock, 0), packet);
    expect_packet_is(packet, &frame, "as it was");
    tpa_mem_packet_free(packet);
}

Test(capture, tags_beside_a_frame_are_in_the_file)
{
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 20});
    size_t offset;
    size_t size;
    uint8_t *bytes;

    packet->vlan_tci = 0x2005;
    packet->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
    start(0);
    receive(0, packet, 0);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);
    bytes = read_file(&size);
    cr_assert_eq(find_blocks(bytes, size, 6, &offset, 1), 1);
    frame_build(&(struct frame_template){.payload = 20, .vlan = true}, &frame);
    cr_assert_eq(word(bytes, offset + 20), frame.length);
    cr_assert_eq(memcmp(bytes + offset + EPB_HEADER, frame.bytes, frame.length), 0);
    free(bytes);
}

Test(capture, long_packets_are_cut_at_the_snap_length)
{
    struct tpa_netdev_capture_config config = {.path = path, .snap_length = 61};
    size_t offset;
    size_t size;
    uint8_t *bytes;

    cr_assert_eq(tpa_netdev_capture_start(device, &config), 0);
    send(0, make(&(struct frame_template){.payload = 1000}), 0);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);
    bytes = read_file(&size);
    cr_assert_eq(find_blocks(bytes, size, 6, &offset, 1), 1);
    cr_assert_eq(word(bytes, offset + 20), 61);
    cr_assert_eq(word(bytes, offset + 24), frame.length);
    free(bytes);
}

Test(capture, only_what_was_accepted_is_in_the_file_and_once)
{
    struct rte_mbuf *burst[100];

    tpa_netdev_mock_set_tx_limit(mock, 70);
    for (uint32_t i = 0; i < 100; i++)
        burst[i] = make(&(struct frame_template){.payload = i});
    start(0);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, burst, 100, 0), 70);
    cr_assert_eq(packets_in_file(), 70, "also while it grows");
    tpa_netdev_mock_set_tx_limit(mock, 200);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, burst + 70, 30, 0), 30);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);
    cr_assert_eq(packets_in_file(), 100);
}

Test(capture, it_ends_at_the_size_limit)
{
    struct stat status;

    start(10000);
    for (uint32_t i = 0; i < 50; i++)
        send(0, make(&(struct frame_template){.payload = 1000}), i);
    cr_assert_not(tpa_netdev_capture_active(device));
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_leq(status.st_size, 10000);
    cr_assert_eq(packets_in_file(), 8);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);
    cr_assert_eq(tpa_netdev_capture_stop(device), TPA_ENOENT);
}

Test(capture, a_disk_that_is_full_ends_it_between_two_packets)
{
    struct rlimit limit = {.rlim_cur = 5000, .rlim_max = 5000};

    signal(SIGXFSZ, SIG_IGN);
    start(0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (uint32_t i = 0; i < 20; i++)
        send(0, make(&(struct frame_template){.payload = 1000}), i);
    cr_assert_not(tpa_netdev_capture_active(device));
    cr_assert_eq(tpa_netdev_capture_stop(device), TPA_EIO);
    cr_assert_eq(packets_in_file(), 4);
}

Test(capture, what_cannot_be_is_refused)
{
    struct tpa_netdev_capture_config nowhere = {.path = "/nonexistent/capture"};
    struct tpa_netdev_capture_config full = {.path = "/dev/full"};
    struct tpa_netdev_capture_config twice = {.path = path};

    cr_assert_eq(tpa_netdev_capture_stop(device), TPA_ENOENT);
    cr_assert_eq(tpa_netdev_capture_start(device, &nowhere), TPA_EIO);
    cr_assert_eq(tpa_netdev_capture_start(device, &full), TPA_EIO);
    cr_assert_not(tpa_netdev_capture_active(device));
    start(0);
    cr_assert_eq(tpa_netdev_capture_start(device, &twice), TPA_EBUSY);
    cr_assert_eq(tpa_netdev_capture_start(mock, &twice), TPA_EUNSUPPORTED);
    cr_assert_eq(tpa_netdev_capture_stop(mock), TPA_EUNSUPPORTED);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);
}

Test(capture, layers_above_find_it)
{
    struct tpa_netdev *upper = tpa_netdev_impair_wrap(device, pool, 1);
    struct tpa_netdev_capture_config config = {.path = path};

    cr_assert_eq(tpa_netdev_capture_start(upper, &config), 0);
    cr_assert(tpa_netdev_capture_active(upper));
    cr_assert_eq(tpa_netdev_capture_stop(upper), 0);
    device = upper;
}

struct worker {
    pthread_t thread;
    uint16_t queue;
    struct rte_mbuf *packet;
};

static atomic_bool working;

static void *work(void *context)
{
    struct worker *worker = context;

    while (atomic_load(&working)) {
        struct rte_mbuf *packet = worker->packet;

        if (tpa_netdev_tx_burst(device, worker->queue, &packet, 1, 5) == 1) {
            packet = tpa_netdev_mock_take(mock, worker->queue);
            tpa_netdev_capture_drop(device, worker->queue, packet, TPA_BASE_DROP_TCP_CHECKSUM, 6);
        }
    }
    return NULL;
}

Test(capture, it_starts_and_stops_under_working_threads)
{
    struct worker workers[QUEUES];
    unsigned int packets = 0;

    atomic_store(&working, true);
    for (int i = 0; i < QUEUES; i++) {
        workers[i].queue = (uint16_t)i;
        workers[i].packet = make(&(struct frame_template){.payload = 100});
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 50; i++) {
        start(i % 2 == 0 ? 0 : 20000);
        usleep(1000);
        tpa_netdev_capture_stop(device);
        packets += packets_in_file();
    }
    atomic_store(&working, false);
    for (int i = 0; i < QUEUES; i++) {
        pthread_join(workers[i].thread, NULL);
        tpa_mem_packet_free(workers[i].packet);
    }
    cr_assert_gt(packets, 100);
}

/* One line of tshark's fields for each packet. */
static void read_by_tshark(const char *fields, char *text, size_t size)
{
    char command[SCRATCH_PATH_SIZE + 600];
    FILE *pipe;
    size_t length;

    if (system("tshark --version >/dev/null 2>&1") != 0)
        cr_skip_test("tshark is not installed");
    snprintf(command, sizeof(command),
             "tshark -r %s -T fields -E separator=, -o ip.check_checksum:TRUE "
             "-o tcp.check_checksum:TRUE %s 2>/dev/null",
             path, fields);
    pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    length = fread(text, 1, size - 1, pipe);
    text[length] = '\0';
    cr_assert_eq(pclose(pipe), 0);
}

Test(capture, tshark_reads_it)
{
    char text[2000];
    struct rte_mbuf *packet;

    start(0);
    send(0, make(&(struct frame_template){.payload = 10, .tcp_flags = TCP_ACK}), 123456789);
    packet = make(&(struct frame_template){.payload = 10, .tcp_flags = TCP_ACK, .ipv6 = true});
    tpa_mem_packet_private(packet)->note = TPA_MEM_PACKET_NOTE_RETRANSMISSION;
    send(1, packet, 2);
    packet = make(&(struct frame_template){.payload = 10});
    tpa_netdev_capture_drop(device, 1, packet, TPA_BASE_DROP_TCP_CHECKSUM, 3);
    tpa_mem_packet_free(packet);
    packet = make(&(struct frame_template){.payload = 40000, .tcp_flags = TCP_ACK});
    packet_request(packet, &frame, 1000);
    send(0, packet, 4);
    cr_assert_eq(tpa_netdev_capture_stop(device), 0);

    read_by_tshark("-e frame.time_epoch -e frame.len -e frame.packet_flags_direction "
                   "-e tcp.checksum.status -e frame.comment",
                   text, sizeof(text));
    cr_assert_str_eq(text, "1700000000.123456789,64,0x00000002,1,\n"
                           "1700000000.000000002,84,0x00000002,1,retransmission\n"
                           "1700000000.000000003,64,0x00000001,1,"
                           "dropped: tcp.checksum (TCP checksum wrong)\n"
                           "1700000000.000000004,40054,0x00000002,1,\n");
}
