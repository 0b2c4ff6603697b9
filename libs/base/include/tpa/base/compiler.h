/*
 * Compiler helpers: C/C++ linkage, branch hints, container_of, static assertions.
 */
#ifndef TPA_BASE_COMPILER_H
#define TPA_BASE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TPA_BASE_DECLARATIONS_BEGIN                extern "C" {
#define TPA_BASE_DECLARATIONS_END                  }
#define TPA_BASE_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define TPA_BASE_DECLARATIONS_BEGIN
#define TPA_BASE_DECLARATIONS_END
#define TPA_BASE_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

/* A constant of the hardware, not of this machine: every x86-64 has lines of 64 bytes. */
#define TPA_BASE_CACHE_LINE 64

#define TPA_BASE_LIKELY(condition)       __builtin_expect(!!(condition), 1)
#define TPA_BASE_UNLIKELY(condition)     __builtin_expect(!!(condition), 0)
#define TPA_BASE_PREFETCH(address)       __builtin_prefetch((address), 0, 3)
#define TPA_BASE_PREFETCH_WRITE(address) __builtin_prefetch((address), 1, 3)
#define TPA_BASE_CACHE_ALIGNED           __attribute__((aligned(TPA_BASE_CACHE_LINE)))
#define TPA_BASE_PACKED                  __attribute__((packed))
#define TPA_BASE_NOINLINE                __attribute__((noinline))
#define TPA_BASE_ALWAYS_INLINE           inline __attribute__((always_inline))
#define TPA_BASE_COLD                    __attribute__((cold))
#define TPA_BASE_MUST_CHECK              __attribute__((warn_unused_result))
#define TPA_BASE_PRINTF(position, first) __attribute__((format(printf, position, first)))

/* The structure of `type` that contains, as its `member`, the object at `pointer`. */
#define TPA_BASE_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define TPA_BASE_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Both arguments are evaluated twice. */
#define TPA_BASE_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TPA_BASE_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
