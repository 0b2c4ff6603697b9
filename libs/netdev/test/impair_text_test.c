/* Impairments as people write them. */
#include <string.h>

#include <criterion/criterion.h>
#include <tpa/netdev/impair.h>

#define MILLISECOND UINT64_C(1000000)

static char reason[TPA_NETDEV_REASON_SIZE];

Test(impair_text, every_key_is_read)
{
    struct tpa_netdev_impairment impairment;
    const char *text = "drop=1% dup=0.25%,corrupt=300ppm  cut=2 reorder=100% depth=3 hold=5ms "
                       "delay=250us jitter=1500ns rate=1.5G queue=77 dropmask=0+2-3 dupmask=255";

    cr_assert_eq(tpa_netdev_impairment_parse(text, &impairment, reason), 0, "%s", reason);
    cr_assert_eq(impairment.drop_ppm, 10000);
    cr_assert_eq(impairment.duplicate_ppm, 2500);
    cr_assert_eq(impairment.corrupt_ppm, 300);
    cr_assert_eq(impairment.cut_ppm, 20000);
    cr_assert_eq(impairment.reorder_ppm, 1000000);
    cr_assert_eq(impairment.reorder_depth, 3);
    cr_assert_eq(impairment.reorder_delay, 5 * MILLISECOND);
    cr_assert_eq(impairment.delay, 250000);
    cr_assert_eq(impairment.jitter, 1500);
    cr_assert_eq(impairment.rate_bits_per_second, 1500000000);
    cr_assert_eq(impairment.queue_limit, 77);
    cr_assert_eq(impairment.drop_mask[0], 0xd);
    cr_assert_eq(impairment.duplicate_mask[3], UINT64_C(1) << 63);
}

Test(impair_text, what_is_written_is_read_back)
{
    static const char *const texts[] = {
        "drop=10000ppm dup=2500ppm depth=3 delay=10ms jitter=1501ns rate=1500M queue=5",
        "dropmask=0+2-4+63-64+255 dupmask=1",
        "rate=64k",
        "rate=9601",
        "off",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tpa_netdev_impairment impairment;
        char text[TPA_NETDEV_IMPAIRMENT_TEXT];

        cr_assert_eq(tpa_netdev_impairment_parse(texts[i], &impairment, reason), 0, "%s", reason);
        cr_assert_eq(tpa_netdev_impairment_format(&impairment, text), strlen(texts[i]));
        cr_assert_str_eq(text, texts[i]);
    }
}

Test(impair_text, the_longest_text_fits)
{
    struct tpa_netdev_impairment impairment;
    struct tpa_netdev_impairment again;
    char text[TPA_NETDEV_IMPAIRMENT_TEXT];
    char text_again[TPA_NETDEV_IMPAIRMENT_TEXT];

    memset(&impairment, 0, sizeof(impairment));
    impairment.drop_ppm = impairment.duplicate_ppm = impairment.corrupt_ppm = 999999;
    impairment.cut_ppm = impairment.reorder_ppm = 999999;
    impairment.reorder_depth = impairment.queue_limit = UINT32_MAX;
    impairment.delay = impairment.jitter = impairment.reorder_delay =
        TPA_NETDEV_IMPAIR_TIME_MAX - 1;
    impairment.rate_bits_per_second = UINT64_MAX / 10 - 1;
    memset(impairment.drop_mask, 0xaa, sizeof(impairment.drop_mask));
    memset(impairment.duplicate_mask, 0x55, sizeof(impairment.duplicate_mask));
    tpa_netdev_impairment_format(&impairment, text);
    cr_assert_eq(tpa_netdev_impairment_parse(text, &again, reason), 0, "%s", reason);
    tpa_netdev_impairment_format(&again, text_again);
    cr_assert_str_eq(text, text_again);
    cr_assert_eq(again.rate_bits_per_second, impairment.rate_bits_per_second);
}

Test(impair_text, mistakes_are_named_and_change_nothing)
{
    static const char *const texts[] = {
        "drop",         "drop=",           "drop=101%",        "drop=-1%",
        "drop=1%%",     "drop=0.00001%",   "dropp=1%",         "drop=1.%",
        "drop=.5%",     "drop=1000001ppm", "delay=61m1h",      "delay=2h",
        "delay=1x",     "delay=",          "rate=1T",          "rate=1.0000000001G",
        "rate=k",       "depth=-1",        "queue=4294967296", "dropmask=256",
        "dropmask=3-1", "dropmask=1++2",   "dropmask=",        "=1",
        "drop=1%=2",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tpa_netdev_impairment impairment;
        char before[sizeof(impairment)];

        memset(&impairment, 0x5a, sizeof(impairment));
        memset(before, 0x5a, sizeof(before));
        cr_assert_eq(tpa_netdev_impairment_parse(texts[i], &impairment, reason), TPA_EINVAL,
                     "%s was taken", texts[i]);
        cr_assert_eq(strncmp(reason, texts[i], strlen(texts[i])), 0, "%s: %s", texts[i], reason);
        cr_assert_eq(memcmp((char *)&impairment, before, sizeof(before)), 0);
    }
}
