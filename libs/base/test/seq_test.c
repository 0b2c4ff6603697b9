#include <criterion/criterion.h>

#include <tpa/base/seq.h>

/* Around every place where 32-bit or signed arithmetic could trip. */
static const uint32_t starts[] = {0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
static const uint32_t distances[] = {1, 2, 1460, 0x40000000, 0x7ffffffe, 0x7fffffff};

#define EACH(variable, array)                                                                 \
    for (size_t variable##_i = 0; variable##_i < sizeof(array) / sizeof((array)[0]);          \
         variable##_i++)                                                                      \
        for (uint32_t variable = (array)[variable##_i], variable##_once = 1; variable##_once; \
             variable##_once = 0)

Test(seq, order_does_not_depend_on_where_the_numbers_wrap)
{
    EACH(a, starts)
    {
        EACH(distance, distances)
        {
            uint32_t b = a + distance;

            cr_assert(tpa_base_seq_lt(a, b) && !tpa_base_seq_lt(b, a), "%u %u", a, b);
            cr_assert(tpa_base_seq_leq(a, b) && !tpa_base_seq_leq(b, a), "%u %u", a, b);
            cr_assert(tpa_base_seq_gt(b, a) && !tpa_base_seq_gt(a, b), "%u %u", a, b);
            cr_assert(tpa_base_seq_geq(b, a) && !tpa_base_seq_geq(a, b), "%u %u", a, b);
            cr_assert_eq(tpa_base_seq_diff(b, a), (int32_t)distance);
            cr_assert_eq(tpa_base_seq_diff(a, b), -(int32_t)distance);
            cr_assert_eq(tpa_base_seq_max(a, b), b);
            cr_assert_eq(tpa_base_seq_max(b, a), b);
            cr_assert_eq(tpa_base_seq_min(a, b), a);
            cr_assert_eq(tpa_base_seq_min(b, a), a);
        }
    }
}

Test(seq, a_number_equals_itself)
{
    EACH(a, starts)
    {
        cr_assert(!tpa_base_seq_lt(a, a) && !tpa_base_seq_gt(a, a));
        cr_assert(tpa_base_seq_leq(a, a) && tpa_base_seq_geq(a, a));
        cr_assert_eq(tpa_base_seq_diff(a, a), 0);
        cr_assert_eq(tpa_base_seq_max(a, a), a);
        cr_assert_eq(tpa_base_seq_min(a, a), a);
    }
}

Test(seq, at_half_the_space_both_are_less)
{
    EACH(a, starts)
    {
        cr_assert(tpa_base_seq_lt(a, a + 0x80000000));
        cr_assert(tpa_base_seq_lt(a + 0x80000000, a));
    }
}

Test(seq, between_includes_both_ends)
{
    EACH(low, starts)
    {
        EACH(length, distances)
        {
            cr_assert(tpa_base_seq_between(low, low, low + length));
            cr_assert(tpa_base_seq_between(low + length, low, low + length));
            cr_assert(tpa_base_seq_between(low + length / 2, low, low + length));
            cr_assert_not(tpa_base_seq_between(low - 1, low, low + length));
            cr_assert_not(tpa_base_seq_between(low + length + 1, low, low + length));
        }
        cr_assert(tpa_base_seq_between(low, low, low));
        cr_assert_not(tpa_base_seq_between(low + 1, low, low));
    }
}

Test(seq, a_window_excludes_its_end)
{
    EACH(start, starts)
    {
        EACH(length, distances)
        {
            cr_assert(tpa_base_seq_in_window(start, start, length));
            cr_assert(tpa_base_seq_in_window(start + length - 1, start, length));
            cr_assert_not(tpa_base_seq_in_window(start + length, start, length));
            cr_assert_not(tpa_base_seq_in_window(start - 1, start, length));
        }
        cr_assert_not(tpa_base_seq_in_window(start, start, 0));
    }
}
