#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/error.h>
#include <tpa/base/random.h>

/* splitmix64 (Steele, Lea, Flood 2014), as xoshiro's authors advise for seeding. */
static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void tpa_base_random_seed(struct tpa_base_random *random, uint64_t seed)
{
    /* Four different inputs of a bijection: at most one word is zero. */
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(random->state); i++)
        random->state[i] = splitmix64(&seed);
}

int tpa_base_random_seed_entropy(struct tpa_base_random *random)
{
    int error = tpa_base_entropy_get(random->state, sizeof(random->state));

    if (error != TPA_OK)
        return error;
    /* The one state that the generator never leaves. */
    if ((random->state[0] | random->state[1] | random->state[2] | random->state[3]) == 0)
        random->state[0] = 1;
    return TPA_OK;
}

int tpa_base_entropy_get(void *bytes, size_t length)
{
    uint8_t *to = bytes;

    while (length > 0) {
        ssize_t got = getrandom(to, length, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return TPA_EIO;
        to += got;
        length -= (size_t)got;
    }
    return TPA_OK;
}

/* Lemire 2019: one multiplication; a division only in the rare case that may have to be rejected.
 */
uint64_t tpa_base_random_below(struct tpa_base_random *random, uint64_t bound)
{
    __extension__ unsigned __int128 product;

    if (bound == 0)
        return 0;
    product = (unsigned __int128)tpa_base_random_u64(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = -bound % bound;

        while ((uint64_t)product < threshold)
            product = (unsigned __int128)tpa_base_random_u64(random) * bound;
    }
    return (uint64_t)(product >> 64);
}

void tpa_base_random_bytes(struct tpa_base_random *random, void *bytes, size_t length)
{
    uint8_t *to = bytes;

    while (length > 0) {
        uint64_t word = TPA_BASE_BE64(tpa_base_random_u64(random));
        size_t step = TPA_BASE_MIN(length, sizeof(word));

        memcpy(to, &word, step);
        to += step;
        length -= step;
    }
}
