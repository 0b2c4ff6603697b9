/*
 * The stack as an object: ports, addresses and workers that the caller brings, time that the caller
 * passes in. tpa.h is one instance of it, made from the configuration; tests, simulators and
 * programs that hold both ends in one process make their own, as many as they like.
 *
 * The calls of tpa.h that take a sid work on socks of any instance whose sids they are; those that
 * open one (tpa_connect_to, tpa_listen_on) use the worker that the calling thread entered last.
 */
#ifndef TPA_API_INSTANCE_H
#define TPA_API_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa.h>
#include <tpa/base/address.h>
#include <tpa/base/log.h>
#include <tpa/ip/ip.h>
#include <tpa/mem/external.h>
#include <tpa/mem/pool.h>
#include <tpa/netdev/netdev.h>
#include <tpa/tcp/tcp.h>

#define TPA_API_WORKERS_MAX 32 /* workers that a packet visited are bits of a word */
#define TPA_API_PORTS_MAX   TPA_IP_INTERFACES_MAX
#define TPA_API_REASON_SIZE 256

struct tpa_api_instance;
struct tpa_api_sids;

/* Sock numbers 0 to count - 1 (count 1 to 2^26), shared by the instances of a process. NULL when
 * memory is exhausted or count is out of range. */
struct tpa_api_sids *tpa_api_sids_create(uint32_t count);
void tpa_api_sids_destroy(struct tpa_api_sids *sids);

struct tpa_api_address_config {
    struct tpa_base_address address;
    uint8_t prefix_length; /* IPv4: 0 to 32 */
};

struct tpa_api_route_config {
    struct tpa_base_address destination;
    struct tpa_base_address gateway; /* unspecified = on link */
    uint8_t prefix_length;
};

struct tpa_api_port_config {
    const char *name;
    struct tpa_netdev *device; /* the instance owns it from a successful create on */
    uint8_t mac[6];            /* what the stack uses; all zero = the device's */
    uint16_t vlan;             /* 0 = untagged */
    const struct tpa_api_address_config *addresses;
    uint32_t address_count;
    const struct tpa_api_route_config *routes;
    uint32_t route_count;
};

/* When a listener answers SYNs by cookies (RFC 4987 section 3.6), without state. */
enum tpa_api_syn_cookies {
    TPA_API_SYN_COOKIES_OFF,    /* never: what is too much is dropped */
    TPA_API_SYN_COOKIES_AUTO,   /* while its queue of half-open connections is full */
    TPA_API_SYN_COOKIES_ALWAYS, /* all of them */
};

struct tpa_api_instance_config {
    uint32_t worker_count; /* 1 to TPA_API_WORKERS_MAX */
    const struct tpa_api_port_config *ports;
    uint32_t port_count;                       /* 0 = loopback alone */
    struct tpa_mem_pool *pool;                 /* packets; the caller's, outlives the instance */
    struct tpa_mem_registry *registry;         /* the caller's, outlives the instance */
    struct tpa_api_sids *sids;                 /* the caller's, outlives the instance */
    const struct tpa_mem_chunk_source *chunks; /* NULL = tpa_mem_chunk_source_default */
    struct tpa_tcp_config tcp;
    struct tpa_ip_limits ip;
    uint32_t sock_max;       /* socks of all workers, listeners included; 0 = the sids' limit */
    uint32_t listen_backlog; /* of one listener at one worker: opens not accepted yet; 0 = 1024 */
    uint32_t syn_backlog;    /* those among them that are half-open; 0 = 1024 */
    enum tpa_api_syn_cookies syn_cookies; /* (AUTO) */
    bool nagle;             /* new connections delay small segments (RFC 9293, 3.7.4) */
    uint32_t orphans_max;   /* closed socks of a worker that go on; 0 = 8192 */
    uint32_t time_wait_max; /* remembered connections of a worker; 0 = 262,144 */
    uint16_t local_port_low, local_port_high; /* 0 = 41000, 64000 */
    uint64_t receive_budget,
        send_budget;    /* bytes of packet buffers a worker may hold; 0 = a share of the pool */
    uint64_t seed;      /* of all choices that are random */
    uint8_t secret[16]; /* key of sequence numbers, ports and tables */
    struct tpa_base_log *log; /* NULL = silent */
};

/* All of it by default; the caller fills in what is special, pool, sids, ports, seed and secret. */
void tpa_api_instance_config_default(struct tpa_api_instance_config *config);

/*
 * Makes an instance and starts its ports. 0; TPA_EINVAL (what can't work: a budget that does not
 * add up, an address missing, ...), TPA_ENOMEM, TPA_EIO; then `reason` says in one line what and
 * what to do, and nothing is kept.
 */
int tpa_api_instance_create(const struct tpa_api_instance_config *config,
                            struct tpa_api_instance **created, char reason[TPA_API_REASON_SIZE]);

/*
 * Ends it: connections are dropped without a word, completions run, ports are closed. Workers must
 * not be running; called from the thread that entered them last. Buffers that a program still holds
 * from tpa_zreadv must be given back before.
 */
void tpa_api_instance_destroy(struct tpa_api_instance *instance);

struct tpa_ip_stack *tpa_api_instance_ip(struct tpa_api_instance *instance);
uint32_t tpa_api_instance_worker_count(const struct tpa_api_instance *instance);
/* The n-th worker, NULL until it is created. */
struct tpa_worker *tpa_api_instance_worker(struct tpa_api_instance *instance, uint32_t index);

/* The next worker, for the calling thread, which enters it. NULL: all are made, or memory is
 * exhausted. */
struct tpa_worker *tpa_api_worker_create(struct tpa_api_instance *instance, uint64_t now);

/* Makes this worker the calling thread's: for programs that drive several from one thread. The
 * worker belongs to that thread from then on. */
void tpa_api_worker_enter(struct tpa_worker *worker);

/* One step at the time `now`, in ns. */
void tpa_api_worker_step(struct tpa_worker *worker, uint64_t now);

/* When the worker wants its next step at the latest if nothing arrives; TPA_TIMER_NEVER. */
uint64_t tpa_api_worker_next_deadline(const struct tpa_worker *worker);

/* Index, time of the last step, counters: for tools and tests. */
struct tpa_api_worker_counters {
    uint64_t steps;
    uint64_t packets_in, packets_out; /* at ports and loopback */
    uint64_t handed_off,
        handed_in; /* packets that another worker owned / that others received for this one */
    uint64_t accepted, connected;
    uint64_t orphans_reset;     /* closed socks that were too many, or in the way */
    uint64_t orphans;           /* now */
    uint64_t socks, time_waits; /* now */
};
uint32_t tpa_api_worker_index(const struct tpa_worker *worker);
uint64_t tpa_api_worker_now(const struct tpa_worker *worker);
const struct tpa_api_worker_counters *tpa_api_worker_counters(const struct tpa_worker *worker);
const struct tpa_base_drop_counters *tpa_api_worker_drops(const struct tpa_worker *worker);
const struct tpa_tcp_counters *tpa_api_worker_tcp_counters(const struct tpa_worker *worker);

#endif
