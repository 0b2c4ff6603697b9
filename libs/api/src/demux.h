/*
 * Finds the connection that a segment is for, among millions, for one worker.
 *
 * Extendible hashing: a directory, indexed by the top bits of the keyed hash, of segments of 4 KB.
 * A segment that gets full is split alone, so no insertion ever costs more than one segment's worth
 * of work, and there is no moment at which the whole table is moved. In a segment, 64 buckets of
 * one cache line hold seven entries each: 16 bits of hash and a pointer. An entry that finds its
 * bucket full goes to the next one and is counted in all that it passed, so that a look-up knows
 * where to stop.
 *
 * A look-up of a connection thus touches the directory (64 KB for a million connections), one line
 * of a segment, and the connection. Segments are kept when they get empty.
 */
#ifndef TPA_API_DEMUX_H
#define TPA_API_DEMUX_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/mem/slab.h>

#include "flow.h"

enum {
    TPA_API_DEMUX_BUCKET_ENTRIES = 7,
    TPA_API_DEMUX_SEGMENT_BUCKETS = 64,
    /* 2^24 segments hold some 5 billion entries; a hash that forces it deeper is an attack. */
    TPA_API_DEMUX_DEPTH_MAX = 24,
};

/* An entry: 16 bits of hash above a pointer of 48 bits, whose lowest bit is the kind. */
enum tpa_api_demux_kind {
    TPA_API_DEMUX_SOCK = 0,
    TPA_API_DEMUX_TIME_WAIT = 1
};

struct tpa_api_demux_bucket {
    uint64_t passed; /* entries that belong here or before and had to go further */
    uint64_t entries[TPA_API_DEMUX_BUCKET_ENTRIES];
};

_Static_assert(sizeof(struct tpa_api_demux_bucket) == 64, "one cache line");

struct tpa_api_demux_segment;

struct tpa_api_demux {
    struct tpa_api_demux_segment **directory; /* 2^depth */
    struct tpa_base_hash_key key;
    uint32_t depth;
    uint32_t count; /* entries */
    const struct tpa_mem_chunk_source *source;
};

/* `key` is the instance's, the same for all workers. 0; TPA_ENOMEM. */
int tpa_api_demux_init(struct tpa_api_demux *demux, const struct tpa_mem_chunk_source *source,
                       const struct tpa_base_hash_key *key);
void tpa_api_demux_fini(struct tpa_api_demux *demux);

/* Starts to load what a look-up of `hash` will read. */
void tpa_api_demux_prefetch(const struct tpa_api_demux *demux, uint64_t hash);

/*
 * An object whose hash has the same 16 bits as `hash`, prefetched and not compared; or NULL. For
 * the middle pass of a burst: the look-up that follows finds the object in the cache.
 */
void tpa_api_demux_prefetch_object(const struct tpa_api_demux *demux, uint64_t hash);

/* The object of this tuple and its kind; NULL when there is none. `hash`: tpa_api_flow_hash of the
 * tuple. */
struct tpa_api_flow *tpa_api_demux_find(const struct tpa_api_demux *demux, uint64_t hash,
                                        const struct tpa_tcp_tuple *tuple,
                                        enum tpa_api_demux_kind *kind);

/* Adds an object, aligned to 8, whose tuple must not be in the table. 0; TPA_ENOMEM, TPA_ENOSPC. */
int tpa_api_demux_insert(struct tpa_api_demux *demux, struct tpa_api_flow *flow,
                         enum tpa_api_demux_kind kind);

/* Exchanges an object for another of the same tuple. */
void tpa_api_demux_replace(struct tpa_api_demux *demux, const struct tpa_api_flow *old,
                           struct tpa_api_flow *flow, enum tpa_api_demux_kind kind);

/* Takes an object out; false when it was not there. */
bool tpa_api_demux_remove(struct tpa_api_demux *demux, const struct tpa_api_flow *flow);

/* Bytes of memory the table holds. */
size_t tpa_api_demux_footprint(const struct tpa_api_demux *demux);

#endif
