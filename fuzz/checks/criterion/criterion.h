/*
 * The part of Criterion that the crates' test support uses, for programs that aren't Criterion's: a
 * check that fails says where and what, and aborts, which a fuzzer and a debugger understand.
 */
#ifndef TPA_FUZZ_CRITERION_H
#define TPA_FUZZ_CRITERION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 5), noreturn)) void fuzz_failed(const char *file, int line,
                                                                 const char *condition,
                                                                 const char *format, ...);

/* Which test runs: none. */
struct criterion_test {
    const char *category, *name;
};
extern const struct criterion_test *const criterion_current_test;

/* The blank makes a format of no arguments one that is not empty. */
#define cr_assert(condition, ...) \
    ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition, " " __VA_ARGS__))

#define cr_assert_not(condition, ...)  cr_assert(!(condition), __VA_ARGS__)
#define cr_assert_null(value, ...)     cr_assert((value) == NULL, __VA_ARGS__)
#define cr_assert_not_null(value, ...) cr_assert((value) != NULL, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)        cr_assert((a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...)       cr_assert((a) != (b), __VA_ARGS__)
#define cr_assert_lt(a, b, ...)        cr_assert((a) < (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...)       cr_assert((a) <= (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...)        cr_assert((a) > (b), __VA_ARGS__)
#define cr_assert_geq(a, b, ...)       cr_assert((a) >= (b), __VA_ARGS__)
#define cr_assert_fail(...)            fuzz_failed(__FILE__, __LINE__, "reached", " " __VA_ARGS__)

/* Nothing goes on after a failure. */
#define cr_expect          cr_assert
#define cr_expect_not      cr_assert_not
#define cr_expect_null     cr_assert_null
#define cr_expect_not_null cr_assert_not_null
#define cr_expect_eq       cr_assert_eq
#define cr_expect_neq      cr_assert_neq

#endif
