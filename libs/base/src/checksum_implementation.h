/*
 * The checksum's versions for different instruction sets, so that tests and benchmarks reach each.
 */
#ifndef TPA_BASE_CHECKSUM_IMPLEMENTATION_H
#define TPA_BASE_CHECKSUM_IMPLEMENTATION_H

#include <tpa/base/checksum.h>

/* The exact sum of the 16-bit words of at most 2^20 bytes; copies them to `to` if that is its job.
 */
typedef uint64_t (*checksum_piece_function)(uint8_t *to, const uint8_t *from, size_t length);

struct checksum_implementation {
    const char *name;
    checksum_piece_function add;
    checksum_piece_function copy;
};

TPA_BASE_DECLARATIONS_BEGIN

/* Fastest first; ended by an entry without a name. */
extern const struct checksum_implementation tpa_base_checksum_implementations[];

/* Does this machine have the instructions? */
bool tpa_base_checksum_supported(const struct checksum_implementation *implementation);

/* tpa_base_checksum_partial() (with `to` NULL) and tpa_base_checksum_copy() by that version. */
uint32_t tpa_base_checksum_run(const struct checksum_implementation *implementation, void *to,
                               const void *from, size_t length, uint32_t sum);

TPA_BASE_DECLARATIONS_END

#endif
