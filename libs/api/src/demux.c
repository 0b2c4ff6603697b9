#include "demux.h"

#include <string.h>

#include <tpa/base/error.h>

enum {
    BUCKETS = TPA_API_DEMUX_SEGMENT_BUCKETS,
    ENTRIES = TPA_API_DEMUX_BUCKET_ENTRIES,
    /* Above this fill look-ups begin to read a second bucket too often. */
    SEGMENT_ENTRIES_MAX = BUCKETS * ENTRIES * 4 / 5,
    INITIAL_DEPTH = 1,
};

struct tpa_api_demux_segment {
    struct tpa_api_demux_bucket buckets[BUCKETS];
    uint32_t depth; /* bits of hash that all its entries share */
    uint32_t count;
} __attribute__((aligned(64)));

#define POINTER_MASK ((UINT64_C(1) << 48) - 1)

static inline uint64_t entry_make(uint64_t hash, const struct tpa_api_flow *flow,
                                  enum tpa_api_demux_kind kind)
{
    return hash << 48 | (uint64_t)(uintptr_t)flow | (uint64_t)kind;
}

static inline struct tpa_api_flow *entry_flow(uint64_t entry)
{
    return (struct tpa_api_flow *)(uintptr_t)(entry & POINTER_MASK & ~UINT64_C(1));
}

static inline bool entry_has_tag(uint64_t entry, uint64_t hash)
{
    return entry != 0 && entry >> 48 == (hash & 0xffff);
}

static inline unsigned int bucket_index(uint64_t hash)
{
    return (hash >> 16) % BUCKETS;
}

static inline size_t directory_index(const struct tpa_api_demux *demux, uint64_t hash)
{
    return hash >> (64 - demux->depth);
}

static inline struct tpa_api_demux_segment *segment_of(const struct tpa_api_demux *demux,
                                                       uint64_t hash)
{
    return demux->directory[directory_index(demux, hash)];
}

static size_t directory_size(uint32_t depth)
{
    return sizeof(struct tpa_api_demux_segment *) << depth;
}

static struct tpa_api_demux_segment *segment_create(const struct tpa_api_demux *demux,
                                                    uint32_t depth)
{
    struct tpa_api_demux_segment *segment;

    segment = demux->source->take(demux->source->context, sizeof(*segment), 64);
    if (segment != NULL)
        segment->depth = depth;
    return segment;
}

static void segment_destroy(const struct tpa_api_demux *demux,
                            struct tpa_api_demux_segment *segment)
{
    demux->source->give(demux->source->context, segment, sizeof(*segment));
}

int tpa_api_demux_init(struct tpa_api_demux *demux, const struct tpa_mem_chunk_source *source,
                       const struct tpa_base_hash_key *key)
{
    memset(demux, 0, sizeof(*demux));
    demux->source = source;
    demux->key = *key;
    demux->depth = INITIAL_DEPTH;
    demux->directory = source->take(source->context, directory_size(INITIAL_DEPTH), 64);
    if (demux->directory == NULL)
        return TPA_ENOMEM;
    for (size_t i = 0; i < (size_t)1 << INITIAL_DEPTH; i++) {
        demux->directory[i] = segment_create(demux, INITIAL_DEPTH);
        if (demux->directory[i] == NULL) {
            tpa_api_demux_fini(demux);
            return TPA_ENOMEM;
        }
    }
    return TPA_OK;
}

/* A segment of depth d stands in 2^(depth - d) neighbouring places of the directory. */
static size_t segment_span(const struct tpa_api_demux *demux,
                           const struct tpa_api_demux_segment *segment)
{
    return (size_t)1 << (demux->depth - segment->depth);
}

void tpa_api_demux_fini(struct tpa_api_demux *demux)
{
    size_t places = (size_t)1 << demux->depth;

    if (demux->directory == NULL)
        return;
    for (size_t i = 0; i < places && demux->directory[i] != NULL;) {
        struct tpa_api_demux_segment *segment = demux->directory[i];

        i += segment_span(demux, segment);
        segment_destroy(demux, segment);
    }
    demux->source->give(demux->source->context, demux->directory, directory_size(demux->depth));
    demux->directory = NULL;
}

void tpa_api_demux_prefetch(const struct tpa_api_demux *demux, uint64_t hash)
{
    __builtin_prefetch(&segment_of(demux, hash)->buckets[bucket_index(hash)]);
}

void tpa_api_demux_prefetch_object(const struct tpa_api_demux *demux, uint64_t hash)
{
    const struct tpa_api_demux_bucket *bucket =
        &segment_of(demux, hash)->buckets[bucket_index(hash)];

    for (unsigned int i = 0; i < ENTRIES; i++) {
        if (entry_has_tag(bucket->entries[i], hash)) {
            const char *object = (const char *)entry_flow(bucket->entries[i]);

            __builtin_prefetch(object);
            __builtin_prefetch(object + 64);
            return;
        }
    }
}

struct tpa_api_flow *tpa_api_demux_find(const struct tpa_api_demux *demux, uint64_t hash,
                                        const struct tpa_tcp_tuple *tuple,
                                        enum tpa_api_demux_kind *kind)
{
    const struct tpa_api_demux_segment *segment = segment_of(demux, hash);
    unsigned int index = bucket_index(hash);

    for (unsigned int tried = 0; tried < BUCKETS; tried++) {
        const struct tpa_api_demux_bucket *bucket = &segment->buckets[index];

        for (unsigned int i = 0; i < ENTRIES; i++) {
            uint64_t entry = bucket->entries[i];

            if (!entry_has_tag(entry, hash))
                continue;
            if (tpa_api_flow_equal(&entry_flow(entry)->tuple, tuple)) {
                *kind = (enum tpa_api_demux_kind)(entry & 1);
                return entry_flow(entry);
            }
        }
        if (bucket->passed == 0)
            return NULL;
        index = (index + 1) % BUCKETS;
    }
    return NULL;
}

/* The place of an object in its segment, and the bucket it is in; NULL when it is not there. */
static uint64_t *find_entry(const struct tpa_api_demux *demux, uint64_t hash,
                            const struct tpa_api_flow *flow, unsigned int *found_in)
{
    struct tpa_api_demux_segment *segment = segment_of(demux, hash);
    unsigned int index = bucket_index(hash);

    for (unsigned int tried = 0; tried < BUCKETS; tried++) {
        struct tpa_api_demux_bucket *bucket = &segment->buckets[index];

        for (unsigned int i = 0; i < ENTRIES; i++) {
            if (bucket->entries[i] != 0 && entry_flow(bucket->entries[i]) == flow) {
                *found_in = index;
                return &bucket->entries[i];
            }
        }
        if (bucket->passed == 0)
            return NULL;
        index = (index + 1) % BUCKETS;
    }
    return NULL;
}

static uint64_t *free_entry(struct tpa_api_demux_bucket *bucket)
{
    for (unsigned int i = 0; i < ENTRIES; i++) {
        if (bucket->entries[i] == 0)
            return &bucket->entries[i];
    }
    return NULL;
}

/* There is room: a segment is never filled beyond SEGMENT_ENTRIES_MAX. */
static void segment_insert(struct tpa_api_demux_segment *segment, uint64_t hash, uint64_t entry)
{
    unsigned int index = bucket_index(hash);
    uint64_t *place;

    while ((place = free_entry(&segment->buckets[index])) == NULL) {
        segment->buckets[index].passed++;
        index = (index + 1) % BUCKETS;
    }
    *place = entry;
    segment->count++;
}

static int directory_double(struct tpa_api_demux *demux)
{
    size_t places = (size_t)1 << demux->depth;
    struct tpa_api_demux_segment **directory;

    if (demux->depth == TPA_API_DEMUX_DEPTH_MAX)
        return TPA_ENOSPC;
    directory = demux->source->take(demux->source->context, directory_size(demux->depth + 1), 64);
    if (directory == NULL)
        return TPA_ENOMEM;
    for (size_t i = 0; i < places; i++)
        directory[2 * i] = directory[2 * i + 1] = demux->directory[i];
    demux->source->give(demux->source->context, demux->directory, directory_size(demux->depth));
    demux->directory = directory;
    demux->depth++;
    return TPA_OK;
}

/* Moves the entries of a segment to the two halves that take its place. */
static void segment_distribute(const struct tpa_api_demux *demux,
                               const struct tpa_api_demux_segment *segment,
                               struct tpa_api_demux_segment *const halves[2])
{
    for (unsigned int b = 0; b < BUCKETS; b++) {
        for (unsigned int i = 0; i < ENTRIES; i++) {
            uint64_t entry = segment->buckets[b].entries[i];
            uint64_t hash;

            if (entry == 0)
                continue;
            hash = tpa_api_flow_hash(&demux->key, &entry_flow(entry)->tuple);
            segment_insert(halves[hash >> (63 - segment->depth) & 1], hash, entry);
        }
    }
}

static int segment_split(struct tpa_api_demux *demux, uint64_t hash)
{
    struct tpa_api_demux_segment *segment = segment_of(demux, hash);
    struct tpa_api_demux_segment *halves[2];
    size_t span, first;

    if (segment->depth == demux->depth) {
        int error = directory_double(demux);

        if (error != TPA_OK)
            return error;
    }
    halves[0] = segment_create(demux, segment->depth + 1);
    if (halves[0] == NULL)
        return TPA_ENOMEM;
    halves[1] = segment_create(demux, segment->depth + 1);
    if (halves[1] == NULL) {
        segment_destroy(demux, halves[0]);
        return TPA_ENOMEM;
    }
    segment_distribute(demux, segment, halves);
    span = segment_span(demux, segment);
    first = directory_index(demux, hash) & ~(span - 1);
    for (size_t i = 0; i < span; i++)
        demux->directory[first + i] = halves[i >= span / 2];
    segment_destroy(demux, segment);
    return TPA_OK;
}

int tpa_api_demux_insert(struct tpa_api_demux *demux, struct tpa_api_flow *flow,
                         enum tpa_api_demux_kind kind)
{
    uint64_t hash = tpa_api_flow_hash(&demux->key, &flow->tuple);

    while (segment_of(demux, hash)->count >= SEGMENT_ENTRIES_MAX) {
        int error = segment_split(demux, hash);

        if (error != TPA_OK)
            return error;
    }
    segment_insert(segment_of(demux, hash), hash, entry_make(hash, flow, kind));
    demux->count++;
    return TPA_OK;
}

void tpa_api_demux_replace(struct tpa_api_demux *demux, const struct tpa_api_flow *old,
                           struct tpa_api_flow *flow, enum tpa_api_demux_kind kind)
{
    uint64_t hash = tpa_api_flow_hash(&demux->key, &old->tuple);
    unsigned int found_in;
    uint64_t *entry = find_entry(demux, hash, old, &found_in);

    if (entry != NULL)
        *entry = entry_make(hash, flow, kind);
}

bool tpa_api_demux_remove(struct tpa_api_demux *demux, const struct tpa_api_flow *flow)
{
    uint64_t hash = tpa_api_flow_hash(&demux->key, &flow->tuple);
    struct tpa_api_demux_segment *segment = segment_of(demux, hash);
    unsigned int found_in;
    uint64_t *entry = find_entry(demux, hash, flow, &found_in);

    if (entry == NULL)
        return false;
    *entry = 0;
    for (unsigned int i = bucket_index(hash); i != found_in; i = (i + 1) % BUCKETS)
        segment->buckets[i].passed--;
    segment->count--;
    demux->count--;
    return true;
}

size_t tpa_api_demux_footprint(const struct tpa_api_demux *demux)
{
    size_t places = (size_t)1 << demux->depth;
    size_t bytes = directory_size(demux->depth);

    for (size_t i = 0; i < places;) {
        bytes += sizeof(*demux->directory[i]);
        i += segment_span(demux, demux->directory[i]);
    }
    return bytes;
}
