/*
 * The vector loops add 16-bit words in 32-bit lanes with one multiply-add per vector: flipping a
 * word's top bit makes it a signed number that is 32,768 smaller, pmaddwd adds neighbours, and the
 * 32,768 per word are put back at the end. All sums are exact, so that all-zero data gives 0.
 */
#include "checksum_implementation.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Below this the set-up of a vector loop costs more than it saves. */
#define CHECKSUM_VECTOR_MIN 96

static inline uint32_t fold64(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    return (uint32_t)sum + (uint32_t)(sum >> 32);
}

/* Adds one piece; `to` is NULL where nothing is to be copied. */
static TPA_BASE_ALWAYS_INLINE uint64_t scalar_sum(uint8_t *to, const uint8_t *from, size_t length,
                                                  uint64_t sum)
{
    size_t offset = 0;
    uint16_t last = 0;

    if (to != NULL)
        memcpy(to, from, length);
    for (; length - offset >= 8; offset += 8) {
        uint64_t word = tpa_base_load64(from + offset);

        sum += (word & UINT32_MAX) + (word >> 32);
    }
    if (length - offset >= 4) {
        sum += tpa_base_load32(from + offset);
        offset += 4;
    }
    if (length - offset >= 2) {
        sum += tpa_base_load16(from + offset);
        offset += 2;
    }
    if (offset < length) {
        memcpy(&last, from + offset, 1);
        sum += last;
    }
    return sum;
}

/*
 * Longer data is added piece by piece, so that no lane overflows: it takes -65,536 .. 65,534 per
 * step, and a piece has 2^14 steps at most, or 2^30 in a lane of 32 bits with a sign.
 */
#define CHECKSUM_PIECE ((size_t)1 << 20)

#if defined(__x86_64__)

/* The words at `from`, neighbours added, each word smaller by 32,768; copied to `to` on the way. */
static TPA_BASE_ALWAYS_INLINE __m128i sse2_pairs(uint8_t *to, const uint8_t *from)
{
    __m128i words = _mm_loadu_si128((const __m128i *)from);

    if (to != NULL)
        _mm_storeu_si128((__m128i *)to, words);
    words = _mm_xor_si128(words, _mm_set1_epi16((short)0x8000));
    return _mm_madd_epi16(words, _mm_set1_epi16(1));
}

/* Four lanes of 32 bits, with a sign, as two of 64. */
static TPA_BASE_ALWAYS_INLINE __m128i sse2_widen(__m128i lanes)
{
    __m128i sign = _mm_srai_epi32(lanes, 31);

    return _mm_add_epi64(_mm_unpacklo_epi32(lanes, sign), _mm_unpackhi_epi32(lanes, sign));
}

static TPA_BASE_ALWAYS_INLINE uint64_t sse2_total(__m128i lanes, size_t length)
{
    uint64_t total[2];

    _mm_storeu_si128((__m128i *)total, lanes);
    return total[0] + total[1] + (uint64_t)(length / 2) * 0x8000;
}

static TPA_BASE_ALWAYS_INLINE uint64_t sse2_piece(uint8_t *to, const uint8_t *from, size_t length)
{
    __m128i a = _mm_setzero_si128(), b = a, c = a, d = a;
    size_t offset = 0;

#define AT(distance) to != NULL ? to + offset + (distance) : NULL, from + offset + (distance)
    for (; length - offset >= 64; offset += 64) {
        a = _mm_add_epi32(a, sse2_pairs(AT(0)));
        b = _mm_add_epi32(b, sse2_pairs(AT(16)));
        c = _mm_add_epi32(c, sse2_pairs(AT(32)));
        d = _mm_add_epi32(d, sse2_pairs(AT(48)));
    }
    for (; length - offset >= 16; offset += 16)
        a = _mm_add_epi32(a, sse2_pairs(AT(0)));
    a = _mm_add_epi64(_mm_add_epi64(sse2_widen(a), sse2_widen(b)),
                      _mm_add_epi64(sse2_widen(c), sse2_widen(d)));
    return scalar_sum(AT(0), length - offset, sse2_total(a, offset));
#undef AT
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static TPA_BASE_ALWAYS_INLINE __m256i avx2_pairs(uint8_t *to, const uint8_t *from)
{
    __m256i words = _mm256_loadu_si256((const __m256i *)from);

    if (to != NULL)
        _mm256_storeu_si256((__m256i *)to, words);
    words = _mm256_xor_si256(words, _mm256_set1_epi16((short)0x8000));
    return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
}

AVX2 static TPA_BASE_ALWAYS_INLINE __m256i avx2_widen(__m256i lanes)
{
    __m256i sign = _mm256_srai_epi32(lanes, 31);

    return _mm256_add_epi64(_mm256_unpacklo_epi32(lanes, sign), _mm256_unpackhi_epi32(lanes, sign));
}

AVX2 static TPA_BASE_ALWAYS_INLINE uint64_t avx2_piece(uint8_t *to, const uint8_t *from,
                                                       size_t length)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    size_t offset = 0;
    __m128i half;

#define AT(distance) to != NULL ? to + offset + (distance) : NULL, from + offset + (distance)
    for (; length - offset >= 128; offset += 128) {
        a = _mm256_add_epi32(a, avx2_pairs(AT(0)));
        b = _mm256_add_epi32(b, avx2_pairs(AT(32)));
        c = _mm256_add_epi32(c, avx2_pairs(AT(64)));
        d = _mm256_add_epi32(d, avx2_pairs(AT(96)));
    }
    for (; length - offset >= 32; offset += 32)
        a = _mm256_add_epi32(a, avx2_pairs(AT(0)));
    a = _mm256_add_epi64(_mm256_add_epi64(avx2_widen(a), avx2_widen(b)),
                         _mm256_add_epi64(avx2_widen(c), avx2_widen(d)));
    half = _mm_add_epi64(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    return scalar_sum(AT(0), length - offset, sse2_total(half, offset));
#undef AT
}

/* One function for each instruction set and job: the constant NULL removes the stores. */
static uint64_t sse2_add(uint8_t *to, const uint8_t *from, size_t length)
{
    (void)to;
    return sse2_piece(NULL, from, length);
}

static uint64_t sse2_copy(uint8_t *to, const uint8_t *from, size_t length)
{
    return sse2_piece(to, from, length);
}

__attribute__((target("avx2"))) static uint64_t avx2_add(uint8_t *to, const uint8_t *from,
                                                         size_t length)
{
    (void)to;
    return avx2_piece(NULL, from, length);
}

__attribute__((target("avx2"))) static uint64_t avx2_copy(uint8_t *to, const uint8_t *from,
                                                          size_t length)
{
    return avx2_piece(to, from, length);
}

#endif

static uint64_t scalar_add(uint8_t *to, const uint8_t *from, size_t length)
{
    (void)to;
    return scalar_sum(NULL, from, length, 0);
}

static uint64_t scalar_copy(uint8_t *to, const uint8_t *from, size_t length)
{
    return scalar_sum(to, from, length, 0);
}

const struct checksum_implementation tpa_base_checksum_implementations[] = {
#if defined(__x86_64__)
    {"avx2", avx2_add, avx2_copy},
    {"sse2", sse2_add, sse2_copy},
#endif
    {"scalar", scalar_add, scalar_copy},
    {NULL, NULL, NULL},
};

bool tpa_base_checksum_supported(const struct checksum_implementation *implementation)
{
#if defined(__x86_64__)
    if (implementation->add == avx2_add)
        return __builtin_cpu_supports("avx2");
#endif
    return implementation->name != NULL;
}

/*
 * Chosen before main(), a constant afterwards; the scalar one, which stands last before the end,
 * for constructors that run before ours.
 */
static const struct checksum_implementation *chosen =
    &tpa_base_checksum_implementations[TPA_BASE_ARRAY_SIZE(tpa_base_checksum_implementations) - 2];

__attribute__((constructor)) static void choose(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    chosen = tpa_base_checksum_implementations;
    while (!tpa_base_checksum_supported(chosen))
        chosen++;
}

uint32_t tpa_base_checksum_run(const struct checksum_implementation *implementation, void *to,
                               const void *from, size_t length, uint32_t sum)
{
    checksum_piece_function piece = to != NULL ? implementation->copy : implementation->add;
    const uint8_t *in = from;
    size_t done = 0;

    while (length - done > CHECKSUM_PIECE) {
        sum = fold64(piece(to != NULL ? (uint8_t *)to + done : NULL, in + done, CHECKSUM_PIECE) +
                     sum);
        done += CHECKSUM_PIECE;
    }
    return fold64(piece(to != NULL ? (uint8_t *)to + done : NULL, in + done, length - done) + sum);
}

uint32_t tpa_base_checksum_partial(const void *bytes, size_t length, uint32_t sum)
{
    if (length < CHECKSUM_VECTOR_MIN)
        return fold64(scalar_sum(NULL, bytes, length, sum));
    return tpa_base_checksum_run(chosen, NULL, bytes, length, sum);
}

uint32_t tpa_base_checksum_copy(void *to, const void *from, size_t length, uint32_t sum)
{
    if (length < CHECKSUM_VECTOR_MIN)
        return fold64(scalar_sum(length > 0 ? to : NULL, from, length, sum));
    return tpa_base_checksum_run(chosen, to, from, length, sum);
}
