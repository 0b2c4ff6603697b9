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

static TPA_BASE_ALWAYS_INLINE uint64_t sse2_piece(uint8_t *to, const uint8_t *from, size_t length)
{
    const __m128i top = _mm_set1_epi16((short)0x8000);
    const __m128i one = _mm_set1_epi16(1);
    __m128i sums[4] = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(),
                       _mm_setzero_si128()};
    size_t offset = 0;
    int64_t lanes[2];

    for (; length - offset >= 64; offset += 64) {
        for (int i = 0; i < 4; i++) {
            __m128i words = _mm_loadu_si128((const __m128i *)(from + offset + 16 * i));

            if (to != NULL)
                _mm_storeu_si128((__m128i *)(to + offset + 16 * i), words);
            sums[i] = _mm_add_epi32(sums[i], _mm_madd_epi16(_mm_xor_si128(words, top), one));
        }
    }
    for (int i = 0; i < 4; i++) {
        __m128i sign = _mm_srai_epi32(sums[i], 31);

        sums[i] =
            _mm_add_epi64(_mm_unpacklo_epi32(sums[i], sign), _mm_unpackhi_epi32(sums[i], sign));
    }
    sums[0] = _mm_add_epi64(_mm_add_epi64(sums[0], sums[1]), _mm_add_epi64(sums[2], sums[3]));
    _mm_storeu_si128((__m128i *)lanes, sums[0]);

    uint64_t sum = (uint64_t)(lanes[0] + lanes[1]) + (uint64_t)(offset / 2) * 0x8000;

    return scalar_sum(to != NULL ? to + offset : NULL, from + offset, length - offset, sum);
}

static TPA_BASE_ALWAYS_INLINE __attribute__((target("avx2"))) uint64_t avx2_piece(
    uint8_t *to, const uint8_t *from, size_t length)
{
    const __m256i top = _mm256_set1_epi16((short)0x8000);
    const __m256i one = _mm256_set1_epi16(1);
    __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                       _mm256_setzero_si256()};
    size_t offset = 0;

    for (; length - offset >= 128; offset += 128) {
        for (int i = 0; i < 4; i++) {
            __m256i words = _mm256_loadu_si256((const __m256i *)(from + offset + 32 * i));

            if (to != NULL)
                _mm256_storeu_si256((__m256i *)(to + offset + 32 * i), words);
            sums[i] =
                _mm256_add_epi32(sums[i], _mm256_madd_epi16(_mm256_xor_si256(words, top), one));
        }
    }
    for (; length - offset >= 32; offset += 32) {
        __m256i words = _mm256_loadu_si256((const __m256i *)(from + offset));

        if (to != NULL)
            _mm256_storeu_si256((__m256i *)(to + offset), words);
        sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(_mm256_xor_si256(words, top), one));
    }
    for (int i = 0; i < 4; i++)
        sums[i] = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(sums[i])),
                                   _mm256_cvtepi32_epi64(_mm256_extracti128_si256(sums[i], 1)));
    sums[0] =
        _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3]));

    __m128i half =
        _mm_add_epi64(_mm256_castsi256_si128(sums[0]), _mm256_extracti128_si256(sums[0], 1));
    uint64_t sum = (uint64_t)(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1)) +
                   (uint64_t)(offset / 2) * 0x8000;

    return scalar_sum(to != NULL ? to + offset : NULL, from + offset, length - offset, sum);
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

/* Chosen before main(): a constant afterwards. */
static const struct checksum_implementation *chosen;

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
