/*
 * Workers receive, send and learn neighbours while another thread changes addresses, routes,
 * neighbours and MTUs: for the thread sanitizer, which wants a main() and nothing of DPDK's that it
 * can't see into. Packets are plain memory that is never given back, and pools are always empty.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/clock.h>
#include <tpa/ip/ip.h>
#include <tpa/mem/rcu.h>

enum {
    WORKERS = 2,
    ROUNDS = 20000,
    CHANGES_MIN = 500, /* while workers run */
    ROOM = 256,
    HEADERS = 34,     /* Ethernet and IPv4 */
    REFERENCES = 500, /* more than any round gives back */
};

/* A packet of one segment with its private area, as a pool would lay it out. */
struct plain_packet {
    struct rte_mbuf packet;
    struct tpa_mem_packet_private private;
    uint8_t buffer[TPA_MEM_HEADROOM + ROOM];
};

struct runner {
    uint8_t number;
    struct tpa_mem_pool pool;
    struct tpa_base_random random;
    struct tpa_base_drop_counters drops;
    struct tpa_ip_worker *worker;
    struct plain_packet plain;
    uint64_t rounds, received, sent;
};

static struct tpa_ip_stack *stack;
static struct runner runners[WORKERS];
static atomic_bool working = true;
static atomic_uint changes;

#if defined(__SANITIZE_THREAD__)
/*
 * liburcu's grace periods are invisible to the sanitizer: what is freed behind one, and allocated
 * again, looks as if readers still had it. Nothing else is excused.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:reclaim_tables\n"
           "race:reclaim_entry\n"
           "race:tpa_ip_change_begin\n"
           "race:^insert$\n"
           "race:urcu_qsbr\n"
           "race:call_rcu_thread\n";
}
#endif

static void require(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "threads_test: %s\n", what);
    exit(1);
}

static struct tpa_base_address ipv4(uint32_t address)
{
    return tpa_base_address_from_ipv4(tpa_base_host_to_be32(address));
}

static struct rte_mbuf *fresh(struct runner *runner, const void *bytes, uint16_t length)
{
    struct rte_mbuf *packet = &runner->plain.packet;

    memset(packet, 0, sizeof(*packet));
    packet->buf_addr = runner->plain.buffer;
    packet->buf_len = sizeof(runner->plain.buffer);
    packet->data_off = TPA_MEM_HEADROOM;
    packet->data_len = length;
    packet->pkt_len = length;
    packet->nb_segs = 1;
    rte_mbuf_refcnt_set(packet, REFERENCES);
    memcpy(runner->plain.buffer + TPA_MEM_HEADROOM, bytes, length);
    return packet;
}

static void give(struct runner *runner, struct rte_mbuf *packet, uint64_t now)
{
    struct rte_mbuf *tcp[1];

    runner->received += tpa_ip_input(runner->worker, 0, &packet, 1, tcp, now);
}

static void receive_segment(struct runner *runner, uint64_t now)
{
    static const uint8_t frame[HEADERS + 20] = {
        2,    0,  0, 0,  0,  1, 2,    0, 0,  0, 0, 2, 8,    0,          /* link */
        0x45, 0,  0, 40, 0,  0, 0x40, 0, 64, 6, 0, 0,                   /* IPv4 */
        10,   0,  0, 2,  10, 0, 0,    1,                                /* from .2 to .1 */
        0,    80, 0, 80, 0,  0, 0,    1, 0,  0, 0, 1, 0x50, 0x10, 1, 0, /* TCP */
    };
    struct rte_mbuf *packet = fresh(runner, frame, sizeof(frame));

    packet->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    give(runner, packet, now);
}

/* A host asks for us, which enters it or moves it to another MAC address. */
static void receive_arp(struct runner *runner, uint8_t host, uint64_t now)
{
    uint8_t frame[42] = {
        2, 0, 0, 0, 0, 1, 2,  0, 0, 0, 0, 2, 8, 6, /* link */
        0, 1, 8, 0, 6, 4, 0,  1,                   /* request */
        2, 0, 0, 0, 9, 9, 10, 0, 0, 0,             /* sender */
        0, 0, 0, 0, 0, 0, 10, 0, 0, 1,             /* target */
    };

    frame[27] = (uint8_t)tpa_base_random_u32(&runner->random);
    frame[31] = host;
    give(runner, fresh(runner, frame, sizeof(frame)), now);
}

static void send_segment(struct runner *runner, uint8_t host, uint64_t now)
{
    static const uint8_t segment[20] = {0, 80, 0, 80, [12] = 0x50};
    struct tpa_ip_send send = {.protocol = 6};
    struct tpa_base_address to = ipv4(0x0a000000u + host);
    struct rte_mbuf *frame;
    struct tpa_ip_path *path;
    int error;

    path = tpa_ip_path_get(runner->worker, NULL, &to, &error);
    if (path == NULL)
        return;
    tpa_ip_output(runner->worker, path, fresh(runner, segment, sizeof(segment)), &send, now);
    tpa_ip_path_confirm(path, now);
    /* There is but one packet: what waits for its neighbour is told to wait no more. */
    while (tpa_ip_take(runner->worker, 0, &frame, 1) > 0)
        runner->sent++;
    tpa_ip_path_put(runner->worker, path);
}

static void *run_worker(void *context)
{
    struct runner *runner = context;
    struct tpa_ip_worker_config config = {
        .pool = &runner->pool,
        .random = &runner->random,
        .drops = &runner->drops,
    };
    uint64_t now = TPA_BASE_SECOND;

    /* Every allocation fails. */
    runner->pool.fault_countdown = 1;
    runner->pool.fault_sticky = true;
    tpa_base_random_seed(&runner->random, runner->number);
    runner->worker = tpa_ip_worker_create(stack, &config, now);
    require(runner->worker != NULL, "worker");
    tpa_mem_rcu_join();
    while (runner->rounds < ROUNDS || atomic_load(&changes) < CHANGES_MIN) {
        receive_segment(runner, now);
        receive_arp(runner, (uint8_t)(100 + tpa_base_random_below(&runner->random, 8)), now);
        send_segment(runner, 2, now);
        tpa_ip_timers(runner->worker, now);
        now += TPA_BASE_MILLISECOND;
        runner->rounds++;
        tpa_mem_rcu_quiescent();
    }
    tpa_ip_worker_destroy(runner->worker);
    tpa_mem_rcu_leave();
    return NULL;
}

static void *change_tables(void *context)
{
    struct tpa_base_address network = ipv4(0x0a000060), gateway = ipv4(0x0a000002);
    struct tpa_base_address own = ipv4(0x0a000009);
    struct tpa_ip_neighbour all[64], neighbour = {.mac = {2, 0, 0, 7}};

    while (atomic_load(&working)) {
        unsigned int i = atomic_fetch_add(&changes, 1);
        struct tpa_ip_error error = {
            .source = ipv4(0x0a000001),
            .destination = ipv4(0x0a000064 + i % 8),
            .mtu = 1000,
        };

        (void)tpa_ip_route_add(stack, &network, 28, &gateway, 0);
        (void)tpa_ip_address_add(stack, 0, &own, 24);
        neighbour.address = error.destination;
        (void)tpa_ip_neighbour_set(stack, &neighbour, TPA_BASE_SECOND);
        (void)tpa_ip_neighbours(stack, all, 64);
        (void)tpa_ip_is_local(stack, &own);
        (void)tpa_ip_has_family(stack, false);
        (void)tpa_ip_interface_set_mtu(stack, 0, (uint16_t)(1400 + i % 100));
        (void)tpa_ip_route_remove(stack, &network, 28);
        (void)tpa_ip_address_remove(stack, &own);
        (void)tpa_ip_neighbour_remove(stack, 0, &neighbour.address);
    }
    return NULL;
}

static void make_stack(void)
{
    struct tpa_ip_interface_config interface = {
        .name = "eth0", .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500};
    struct tpa_ip_neighbour peer = {.address = ipv4(0x0a000002), .mac = {2, 0, 0, 0, 0, 2}};
    struct tpa_base_address own = ipv4(0x0a000001);

    stack = tpa_ip_stack_create(NULL);
    require(stack != NULL, "stack");
    require(tpa_ip_interface_add(stack, &interface) == 0, "interface");
    require(tpa_ip_address_add(stack, 0, &own, 24) == 0, "address");
    require(tpa_ip_neighbour_set(stack, &peer, 1) == 0, "neighbour");
}

int main(void)
{
    pthread_t threads[WORKERS], changer;

    make_stack();
    for (int i = 0; i < WORKERS; i++) {
        runners[i].number = (uint8_t)i;
        require(pthread_create(&threads[i], NULL, run_worker, &runners[i]) == 0, "thread");
    }
    require(pthread_create(&changer, NULL, change_tables, NULL) == 0, "thread");
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&working, false);
    pthread_join(changer, NULL);

    for (int i = 0; i < WORKERS; i++) {
        require(runners[i].received == runners[i].rounds, "segments were lost");
        require(runners[i].sent >= runners[i].rounds, "segments were not sent");
    }
    tpa_mem_rcu_barrier();
    tpa_ip_stack_destroy(stack);
    printf("%lu and %lu rounds, %u changes\n", runners[0].rounds, runners[1].rounds,
           atomic_load(&changes));
    return 0;
}
