/*
 * Impairment and capture are changed by other threads while workers send: for the thread sanitizer,
 * which wants a main() and nothing of DPDK's that it can't see into. Packets are plain memory, and
 * the port below only counts them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tpa/netdev/capture.h>
#include <tpa/netdev/impair.h>

enum {
    QUEUES = 2,
    PACKETS = 64,
    ROUNDS = 3000,
    CHANGES_MIN = 100,
    FRAME = 100,
};

/* A packet of one segment with its private area, as a pool would lay it out. */
struct plain_packet {
    struct rte_mbuf packet;
    struct tpa_mem_packet_private private;
    uint8_t data[FRAME];
};

static struct plain_packet packets[QUEUES][PACKETS];
static uint32_t arrived[QUEUES]; /* each by its queue's thread */
static struct tpa_netdev *device;
static char path[64];
static atomic_bool working = true;
static atomic_uint changes;

static uint16_t port_tx_burst(struct tpa_netdev *port, uint16_t queue, struct rte_mbuf **burst,
                              uint16_t count, uint64_t now)
{
    arrived[queue] += count;
    return count;
}

static uint16_t port_rx_burst(struct tpa_netdev *port, uint16_t queue, struct rte_mbuf **burst,
                              uint16_t count, uint64_t now)
{
    return 0;
}

static uint32_t port_tx_flush(struct tpa_netdev *port, uint16_t queue, uint64_t now)
{
    return 0;
}

static void port_info(struct tpa_netdev *port, struct tpa_netdev_info *info)
{
    snprintf(info->name, sizeof(info->name), "plain");
    info->rx_queue_count = QUEUES;
    info->tx_queue_count = QUEUES;
}

static void port_counters(struct tpa_netdev *port, struct tpa_netdev_counters *counters)
{
}

static void port_nothing(struct tpa_netdev *port)
{
}

static const struct tpa_netdev_ops port_ops = {
    .kind = "plain",
    .rx_burst = port_rx_burst,
    .tx_burst = port_tx_burst,
    .tx_flush = port_tx_flush,
    .info = port_info,
    .counters = port_counters,
    .stop = port_nothing,
    .close = port_nothing,
};

static void make_packets(uint16_t queue)
{
    for (int i = 0; i < PACKETS; i++) {
        struct plain_packet *plain = &packets[queue][i];

        plain->packet.buf_addr = plain->data;
        plain->packet.data_len = FRAME;
        plain->packet.pkt_len = FRAME;
        plain->packet.nb_segs = 1;
        plain->packet.refcnt = 1;
    }
}

/* Sends all packets, then waits in virtual time until they have arrived: they are sent again. */
static void *work(void *context)
{
    uint16_t queue = *(uint16_t *)context;
    uint64_t now = 0;

    for (int round = 0; round < ROUNDS || atomic_load(&changes) < CHANGES_MIN; round++) {
        for (int i = 0; i < PACKETS; i++) {
            struct rte_mbuf *packet = &packets[queue][i].packet;

            tpa_netdev_tx_burst(device, queue, &packet, 1, now);
            tpa_netdev_capture_drop(device, queue, packet, TPA_BASE_DROP_TCP_CHECKSUM, now);
        }
        do {
            now += 1000000;
        } while (tpa_netdev_tx_flush(device, queue, now) > 0);
        if (arrived[queue] != (uint32_t)(round + 1) * PACKETS) {
            fprintf(stderr, "queue %u, round %d: %u have arrived\n", queue, round, arrived[queue]);
            exit(1);
        }
    }
    return NULL;
}

static void set(const char *text)
{
    struct tpa_netdev_impairment impairment;
    char reason[TPA_NETDEV_REASON_SIZE];

    if (tpa_netdev_impairment_parse(text, &impairment, reason) != 0 ||
        tpa_netdev_impair_set(device, TPA_NETDEV_TX, &impairment) != 0)
        abort();
}

/* Nothing that drops or copies: the packets are no pool's. */
static void *change(void *context)
{
    struct tpa_netdev_capture_config config = {.path = path, .size_limit = 100000};
    struct tpa_netdev_counters counters;

    while (atomic_load(&working)) {
        set("delay=10us jitter=5us");
        tpa_netdev_capture_start(device, &config);
        set("reorder=10% depth=2 hold=1ms");
        tpa_netdev_counters(device, &counters);
        set("rate=10G queue=1000000");
        tpa_netdev_capture_stop(device);
        set("off");
        atomic_fetch_add(&changes, 1);
    }
    return NULL;
}

int main(void)
{
    const char *directory = getenv("TEST_TMPDIR");
    struct tpa_netdev port = {.ops = &port_ops};
    uint16_t queues[QUEUES];
    pthread_t workers[QUEUES];
    pthread_t changer;

    snprintf(path, sizeof(path), "%.40s/threads.%d", directory != NULL ? directory : "/tmp",
             (int)getpid());
    device = tpa_netdev_capture_wrap(tpa_netdev_impair_wrap(&port, NULL, 1));
    if (device == NULL || pthread_create(&changer, NULL, change, NULL) != 0)
        return 1;
    for (int i = 0; i < QUEUES; i++) {
        queues[i] = (uint16_t)i;
        make_packets((uint16_t)i);
        if (pthread_create(&workers[i], NULL, work, &queues[i]) != 0)
            return 1;
    }
    for (int i = 0; i < QUEUES; i++)
        pthread_join(workers[i], NULL);
    atomic_store(&working, false);
    pthread_join(changer, NULL);
    tpa_netdev_close(device);
    unlink(path);
    printf("%u changes under %u packets\n", atomic_load(&changes), arrived[0] + arrived[1]);
    return 0;
}
