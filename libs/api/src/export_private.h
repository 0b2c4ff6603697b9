/* What the parts of the export share. */
#ifndef TPA_API_EXPORT_PRIVATE_H
#define TPA_API_EXPORT_PRIVATE_H

#include <sys/types.h>

#include <tpa/stats/counter.h>
#include <tpa/stats/export.h>
#include <tpa/stats/mailbox.h>

#include "export.h"

/* Rings of one worker: those in use, and the others in the order in which they became free, so that
 * what happened to a sock stays readable for as long as possible after its end. */
struct tpa_api_export_rings {
    uint32_t *free; /* circular; of `count` */
    uint32_t count;
    uint32_t first;
    uint32_t free_count;
};

/* Of one worker, used by it alone. */
struct tpa_api_export_lane {
    uint32_t next_sid;    /* where the round over the socks goes on */
    uint32_t unnumbered;  /* records of the sample that are in use */
    uint64_t slow_due;    /* ns */
    uint64_t slowest_due; /* ns; worker 0 */
    uint64_t control_due; /* ns; worker 0 */
    struct tpa_api_export_rings rings;
} TPA_BASE_CACHE_ALIGNED;

struct tpa_api_export {
    struct tpa_api_instance *instance;
    struct tpa_cfg_registry *registry;
    struct tpa_cfg_options *options;
    struct tpa_base_log *log;
    pid_t process; /* a child of it must not remove the files */
    char directory[TPA_STATS_PATH_SIZE];
    struct tpa_stats_export file;
    struct tpa_stats_mailbox mailbox;
    bool has_mailbox;
    struct tpa_api_control *control;

    struct tpa_api_export_worker *workers;
    struct tpa_api_export_sock *socks;
    struct tpa_api_export_sock *unnumbered;
    struct tpa_api_export_memory *memory;
    struct tpa_api_export_option *option_records;
    struct tpa_api_export_neighbour *neighbours;
    struct tpa_api_export_port *ports;
    char *traces;
    uint32_t sock_count;      /* records */
    uint32_t option_count;    /* records */
    uint32_t neighbour_count; /* records in use */
    uint32_t trace_count;
    uint32_t trace_size;       /* bytes of a ring */
    _Atomic uint32_t sock_top; /* no sid from here on was ever used */
    struct tpa_stats_counters counters;
    int group_worker, group_tcp, group_drop;
    struct tpa_ip_neighbour *neighbour_copies;
    struct tpa_api_export_lane lanes[TPA_API_WORKERS_MAX];
};

/* Records of memory: some of all, then so many of each worker. */
enum {
    TPA_API_EXPORT_MEMORY_SHARED = 4,
    TPA_API_EXPORT_MEMORY_PER_WORKER = 14,
};

/*
 * Copies a record of `size` bytes, whose first word is the sequence number, into shared memory.
 * `from`'s sequence is not read.
 */
static inline void tpa_api_export_publish(void *record, const void *from, size_t size)
{
    uint64_t *to = record;
    const uint64_t *words = from;
    uint64_t sequence = (__atomic_load_n(&to[0], __ATOMIC_RELAXED) | 1) + 1;

    __atomic_store_n(&to[0], sequence - 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (size_t i = 1; i < size / sizeof(uint64_t); i++)
        __atomic_store_n(&to[i], words[i], __ATOMIC_RELAXED);
    __atomic_store_n(&to[0], sequence, __ATOMIC_RELEASE);
}

/* export_sock.c: a few of the worker's socks; and, seldom, those without a sid. Returns how many of
 * these are embryos. */
void tpa_api_export_socks_refresh(struct tpa_worker *worker);
uint32_t tpa_api_export_unnumbered_refresh(struct tpa_worker *worker);

/* export_trace.c: 0; TPA_ENOMEM. */
int tpa_api_export_rings_init(struct tpa_api_export *export);
void tpa_api_export_rings_fini(struct tpa_api_export *export);

/* The number of a ring, counted from 1; 0 for NULL. */
static inline uint32_t tpa_api_export_trace_number(const struct tpa_api_export *export,
                                                   const struct tpa_base_trace *trace)
{
    if (trace == NULL)
        return 0;
    return (uint32_t)((size_t)((const char *)trace - export->traces) / export->trace_size) + 1;
}

/* export_shared.c: memory of one worker; what worker 0 shows for all. */
void tpa_api_export_memory_refresh(struct tpa_worker *worker);
void tpa_api_export_ports_refresh(struct tpa_api_export *export);
void tpa_api_export_neighbours_refresh(struct tpa_api_export *export);

#endif
