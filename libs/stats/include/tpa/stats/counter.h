/*
 * Counters: tables of uint64_t, one block a worker, read by anybody at any time.
 *
 * A crate keeps its counters in a plain structure of uint64_t fields, made by an X-macro of its own
 * (so that it need not know this crate); whoever composes the stack turns the macro into a table
 * of descriptions and adds it to a set:
 *
 *     static const struct tpa_stats_counter_description tcp_counters[] = {
 *         TPA_TCP_COUNTERS(TPA_STATS_COUNTER)
 *     };
 *     tpa_stats_counters_add(&set, "tcp", tcp_counters, TPA_BASE_ARRAY_SIZE(tcp_counters));
 *
 * Then either the crate's structure lives in the worker's block (tpa_stats_counters_values) or the
 * worker copies it there now and then (tpa_stats_counters_store). The memory of the blocks is the
 * caller's: put into a region of an export (export.h), it can be read from outside.
 *
 * Each counter has one writer. A reader sees each counter as it was at some moment of the call, not
 * all of them at the same moment.
 */
#ifndef TPA_STATS_COUNTER_H
#define TPA_STATS_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tpa/base/compiler.h>
#include <tpa/base/drop.h>
#include <tpa/base/error.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_STATS_GROUPS_MAX  32   /* tables in a set: several a crate */
#define TPA_STATS_WORKERS_MAX 1024 /* far above the cores of one machine; bounds the memory */
#define TPA_STATS_GROUP_SIZE  1024 /* counters in one table */
#define TPA_STATS_ALL_WORKERS UINT32_MAX

struct tpa_stats_counter_description {
    const char *name; /* [a-z0-9_.]+, unique in its table */
    const char *help; /* what it counts, in a few words */
    const char *unit; /* "bytes", "ns"; NULL: events */
};

/* Makes a description of an X-macro's entry X(field, "text"). */
#define TPA_STATS_COUNTER(field, text) {#field, text, NULL},

/* The table of struct tpa_base_drop_counters: TPA_BASE_DROP_COUNT entries. */
extern const struct tpa_stats_counter_description tpa_stats_drop_counters[TPA_BASE_DROP_COUNT];

struct tpa_stats_counter_group {
    const char *name;
    const struct tpa_stats_counter_description *counters;
    uint32_t count;
    uint32_t first; /* index of its first counter in a block; a multiple of 8 */
};

struct tpa_stats_counters {
    uint64_t *values;      /* the blocks, one after the other; NULL until attached */
    uint32_t worker_count; /* blocks */
    uint32_t block_length; /* counters of a block, padding included; a multiple of 8 */
    uint32_t group_count;
    struct tpa_stats_counter_group group[TPA_STATS_GROUPS_MAX];
};

/* Adds `amount` to a counter whose only writer is the calling thread. */
static inline void tpa_stats_counter_bump(uint64_t *counter, uint64_t amount)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + amount,
                     __ATOMIC_RELAXED);
}

/* An empty set for `worker_count` workers. TPA_EINVAL: not in 1..TPA_STATS_WORKERS_MAX. */
int tpa_stats_counters_init(struct tpa_stats_counters *set, uint32_t worker_count);

/*
 * Adds a table. `name` and `counters` are kept by reference and have to live as long as the set.
 *
 * Returns the group's index; TPA_EINVAL (no name, or `count` not in 1..TPA_STATS_GROUP_SIZE),
 * TPA_EEXIST (a group of that name), TPA_ENOSPC (TPA_STATS_GROUPS_MAX), TPA_EBUSY (the set has its
 * memory already).
 */
int tpa_stats_counters_add(struct tpa_stats_counters *set, const char *name,
                           const struct tpa_stats_counter_description *counters, uint32_t count);

/* Bytes of one worker's block: a multiple of the cache line, so that workers share none. */
size_t tpa_stats_counters_block_size(const struct tpa_stats_counters *set);

/*
 * Gives the set its memory and zeroes it: worker_count blocks, aligned to TPA_BASE_CACHE_LINE. The
 * caller owns it and keeps it as long as the set is used.
 * TPA_EINVAL: not aligned, or fewer bytes than that.
 */
int tpa_stats_counters_attach(struct tpa_stats_counters *set, void *memory, size_t size);

/*
 * The values of a group of one worker: `count` counters in the order of the table, on a cache line
 * of their own. NULL: no such group or worker, or no memory yet.
 */
uint64_t *tpa_stats_counters_values(const struct tpa_stats_counters *set, int group,
                                    uint32_t worker);

/*
 * Copies a crate's own structure of counters (as many uint64_t as its table has entries) to the
 * worker's block. By that worker's thread. TPA_EINVAL: no such group or worker, or no memory yet.
 */
int tpa_stats_counters_store(struct tpa_stats_counters *set, int group, uint32_t worker,
                             const void *counters);

/*
 * Reads a block.
 *
 * `worker`: whose; TPA_STATS_ALL_WORKERS sums over all.
 * `values`: room for set->block_length counters.
 * TPA_EINVAL: no such worker, or no memory yet.
 */
int tpa_stats_counters_read(const struct tpa_stats_counters *set, uint32_t worker,
                            uint64_t *values);

/* values[i] = after[i] - before[i], modulo 2^64; `values` may be one of the two. */
void tpa_stats_counters_subtract(const uint64_t *after, const uint64_t *before, uint64_t *values,
                                 uint32_t count);

/*
 * A counter's description in plain bytes: what an export carries so that a tool can print counters
 * that it was not built with.
 */
struct tpa_stats_counter_record {
    char name[64];  /*   0: "group.counter" */
    char unit[16];  /*  64 */
    char help[104]; /*  80 */
    uint32_t index; /* 184: of the counter in a block */
    uint32_t reserved;
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_stats_counter_record) == 192, "read by other processes");

/* Counters in all tables of the set: the records that tpa_stats_counters_describe() makes. */
uint32_t tpa_stats_counters_count(const struct tpa_stats_counters *set);

/*
 * Fills `records` (room for `maximum`) in the order of the tables. Returns how many; TPA_ENOSPC,
 * with the first `maximum` filled in, if there are more.
 */
int tpa_stats_counters_describe(const struct tpa_stats_counters *set,
                                struct tpa_stats_counter_record *records, uint32_t maximum);

/* The record named "group.counter", or NULL. Records may come from a hostile file. */
const struct tpa_stats_counter_record *tpa_stats_counter_find(
    const struct tpa_stats_counter_record *records, uint32_t record_count, const char *name);

/* What tpa_stats_counters_print() is to print. */
struct tpa_stats_counter_print {
    const struct tpa_stats_counter_record *records; /* may come from a hostile file */
    uint32_t record_count;
    const uint64_t *values; /* a block; records that point beyond it are left out */
    const uint64_t *before; /* the block at an earlier time: print rates; or NULL: totals */
    uint32_t value_count;   /* of `values` and of `before` */
    uint64_t interval;      /* ns between the two; 0 counts as 1 s */
    const char *prefix;     /* only names that begin with this; NULL: all */
    bool zeros;             /* also counters that are 0 */
};

/*
 * Prints one line a counter: value, name, unit, help. Returns the number of lines; TPA_EIO if the
 * stream failed. Bytes that a terminal might obey are printed as '?'.
 */
int tpa_stats_counters_print(const struct tpa_stats_counter_print *print, FILE *stream);

TPA_BASE_DECLARATIONS_END

#endif
