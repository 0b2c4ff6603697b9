#include "sid.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <tpa/base/error.h>

enum {
    SIDS_MAX = 1 << 26,
    BITS = 64
};

struct tpa_api_sids {
    uint32_t count;
    uint32_t words;
    _Atomic uint32_t
        first_word;          /* no word before it has a free sid, unless one was just given back */
    _Atomic uint64_t *taken; /* a bit per sid */
    _Atomic(void *) *objects;
    size_t bytes;
};

/* One mapping: pages that no sid uses yet cost nothing. */
struct tpa_api_sids *tpa_api_sids_create(uint32_t count)
{
    struct tpa_api_sids *sids;
    char *memory;
    size_t words = ((size_t)count + BITS - 1) / BITS;

    if (count == 0 || count > SIDS_MAX)
        return NULL;
    sids = calloc(1, sizeof(*sids));
    if (sids == NULL)
        return NULL;
    sids->count = count;
    sids->words = (uint32_t)words;
    sids->bytes = words * sizeof(uint64_t) + count * sizeof(void *);
    memory = mmap(NULL, sids->bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        free(sids);
        return NULL;
    }
    sids->taken = (_Atomic uint64_t *)(void *)memory;
    sids->objects = (_Atomic(void *) *)(void *)(memory + words * sizeof(uint64_t));
    return sids;
}

void tpa_api_sids_destroy(struct tpa_api_sids *sids)
{
    if (sids == NULL)
        return;
    munmap((void *)(uintptr_t)sids->taken, sids->bytes);
    free(sids);
}

uint32_t tpa_api_sids_limit(const struct tpa_api_sids *sids)
{
    return sids->count;
}

/* Takes the lowest free bit of a word; -1 when it has none. */
static int take_bit(_Atomic uint64_t *word, unsigned int valid_bits)
{
    uint64_t valid = valid_bits >= BITS ? UINT64_MAX : (UINT64_C(1) << valid_bits) - 1;
    uint64_t taken = atomic_load(word);

    while ((~taken & valid) != 0) {
        int bit = __builtin_ctzll(~taken & valid);

        if (atomic_compare_exchange_weak(word, &taken, taken | UINT64_C(1) << bit))
            return bit;
    }
    return -1;
}

static int take_from(struct tpa_api_sids *sids, uint32_t first_word)
{
    for (uint32_t word = first_word; word < sids->words; word++) {
        int bit = take_bit(&sids->taken[word], sids->count - word * BITS);

        if (bit >= 0) {
            uint32_t hint = first_word;

            if (word > first_word)
                atomic_compare_exchange_strong(&sids->first_word, &hint, word);
            return (int)(word * BITS) + bit;
        }
    }
    return TPA_ENFILE;
}

int tpa_api_sid_take(struct tpa_api_sids *sids, void *object)
{
    uint32_t first_word = atomic_load(&sids->first_word);
    int sid = take_from(sids, first_word);

    /* A sid below the hint may have been given back while the hint was moved up. */
    if (sid < 0 && first_word > 0)
        sid = take_from(sids, 0);
    if (sid >= 0)
        atomic_store_explicit(&sids->objects[sid], object, memory_order_release);
    return sid;
}

void tpa_api_sid_give(struct tpa_api_sids *sids, int sid)
{
    uint32_t word = (uint32_t)sid / BITS;
    uint32_t first_word = atomic_load(&sids->first_word);

    atomic_store_explicit(&sids->objects[sid], NULL, memory_order_release);
    atomic_fetch_and(&sids->taken[word], ~(UINT64_C(1) << ((uint32_t)sid % BITS)));
    while (word < first_word && !atomic_compare_exchange_weak(&sids->first_word, &first_word, word))
        ;
}

void *tpa_api_sid_object(const struct tpa_api_sids *sids, int sid)
{
    if (sid < 0 || (uint32_t)sid >= sids->count)
        return NULL;
    return atomic_load_explicit(&sids->objects[sid], memory_order_acquire);
}
