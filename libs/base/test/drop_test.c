#include <criterion/criterion.h>

#include <ctype.h>
#include <string.h>

#include <tpa/base/drop.h>

TestSuite(drop);

static int is_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_' && *c != '.')
            return 0;
    }
    return name[0] != '\0';
}

Test(drop, every_reason_has_its_own_name_and_text)
{
    for (unsigned int a = 0; a < TPA_BASE_DROP_COUNT; a++) {
        const char *name = tpa_base_drop_name((enum tpa_base_drop)a);

        cr_assert(is_name(name), "reason %u is named '%s'", a, name);
        cr_assert_gt(strlen(tpa_base_drop_text((enum tpa_base_drop)a)), 0);
        for (unsigned int b = 0; b < a; b++)
            cr_assert_str_neq(name, tpa_base_drop_name((enum tpa_base_drop)b));
    }
}

Test(drop, a_name_leads_back_to_its_reason)
{
    for (unsigned int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++)
        cr_assert_eq(tpa_base_drop_from_name(tpa_base_drop_name((enum tpa_base_drop)reason)),
                     reason);

    cr_assert_eq(tpa_base_drop_from_name("tcp.pawss"), TPA_BASE_DROP_COUNT);
    cr_assert_eq(tpa_base_drop_from_name(""), TPA_BASE_DROP_COUNT);
}

Test(drop, values_that_are_no_reason)
{
    cr_assert_str_eq(tpa_base_drop_name(TPA_BASE_DROP_COUNT), "unknown");
    cr_assert_str_eq(tpa_base_drop_text((enum tpa_base_drop) - 1), "unknown drop reason");
}

Test(drop, counts_under_the_given_reason_only)
{
    struct tpa_base_drop_counters counters = {0};

    tpa_base_drop_count(&counters, TPA_BASE_DROP_TCP_PAWS);
    tpa_base_drop_count_many(&counters, TPA_BASE_DROP_TCP_PAWS, 4);
    tpa_base_drop_count(&counters, TPA_BASE_DROP_IPV4_TTL);

    for (unsigned int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++) {
        uint64_t expected = reason == TPA_BASE_DROP_TCP_PAWS   ? 5
                            : reason == TPA_BASE_DROP_IPV4_TTL ? 1
                                                               : 0;
        cr_assert_eq(tpa_base_drop_get(&counters, (enum tpa_base_drop)reason), expected);
    }
}

Test(drop, a_value_that_is_no_reason_counts_as_internal)
{
    struct {
        struct tpa_base_drop_counters counters;
        uint64_t behind;
    } guarded = {.behind = 77};

    tpa_base_drop_count(&guarded.counters, TPA_BASE_DROP_COUNT);
    tpa_base_drop_count(&guarded.counters, (enum tpa_base_drop) - 1);

    cr_assert_eq(tpa_base_drop_get(&guarded.counters, TPA_BASE_DROP_INTERNAL), 2);
    cr_assert_eq(guarded.behind, 77);
    cr_assert_eq(tpa_base_drop_get(&guarded.counters, TPA_BASE_DROP_COUNT), 0);
}

Test(drop, total_leaves_out_what_was_consumed_on_purpose)
{
    struct tpa_base_drop_counters counters = {0};

    for (unsigned int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++)
        tpa_base_drop_count(&counters, (enum tpa_base_drop)reason);

    cr_assert_eq(tpa_base_drop_total(&counters), TPA_BASE_DROP_COUNT - 5);
    cr_assert(tpa_base_drop_is_benign(TPA_BASE_DROP_TCP_CONSUMED));
    cr_assert_not(tpa_base_drop_is_benign(TPA_BASE_DROP_TCP_CHECKSUM));
}
