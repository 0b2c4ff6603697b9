/*
 * Randomness: a seeded generator that is passed as a parameter to whoever needs it, and the
 * kernel's entropy to seed it at start. The generator (xoshiro256**, Blackman and Vigna 2018) is
 * fast and statistically good, but not cryptographic: what an attacker must not predict goes
 * through SipHash with a key from it (hash.h), never out raw.
 */
#ifndef TPA_BASE_RANDOM_H
#define TPA_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/bits.h>
#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/* One per worker or simulation; not shared between threads. */
struct tpa_base_random {
    uint64_t state[4]; /* never all zero */
};

/* Seeds from 64 bits (expanded by splitmix64): the same seed, the same sequence, on every machine.
 * Any seed is good. */
void tpa_base_random_seed(struct tpa_base_random *random, uint64_t seed);

/* Seeds with 256 bits of the kernel's entropy. 0, or TPA_EIO if there is none to be had. */
int tpa_base_random_seed_entropy(struct tpa_base_random *random) TPA_BASE_MUST_CHECK;

/*
 * Fills `length` bytes from the kernel (getrandom), which blocks only in early boot. 0, or TPA_EIO.
 */
int tpa_base_entropy_get(void *bytes, size_t length) TPA_BASE_MUST_CHECK;

static inline uint64_t tpa_base_random_u64(struct tpa_base_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = tpa_base_bits_rotate_left64(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = tpa_base_bits_rotate_left64(s[3], 45);
    return result;
}

static inline uint32_t tpa_base_random_u32(struct tpa_base_random *random)
{
    return (uint32_t)(tpa_base_random_u64(random) >> 32);
}

/* Uniform in 0 .. bound-1, without bias. 0 for a bound of 0. */
uint64_t tpa_base_random_below(struct tpa_base_random *random, uint64_t bound);

/* Uniform in [0, 1), in steps of 2^-53. */
static inline double tpa_base_random_unit(struct tpa_base_random *random)
{
    return (double)(tpa_base_random_u64(random) >> 11) * 0x1.0p-53;
}

/* Fills `length` bytes from the generator. */
void tpa_base_random_bytes(struct tpa_base_random *random, void *bytes, size_t length);

TPA_BASE_DECLARATIONS_END

#endif
