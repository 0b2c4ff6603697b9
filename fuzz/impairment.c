/*
 * The text of an impairment ("drop=1%,delay=10ms"), as tools send it. Whatever is accepted is
 * within its bounds, and its own text says the same.
 */
#include <tpa/netdev/impair.h>

#include "support/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char text[TPA_NETDEV_IMPAIRMENT_TEXT], again[TPA_NETDEV_IMPAIRMENT_TEXT];
    struct tpa_netdev_impairment impairment, read_back;
    char reason[TPA_NETDEV_REASON_SIZE] = "";
    char *input = malloc(size + 1);

    cr_assert_not_null(input);
    if (size > 0)
        memcpy(input, bytes, size);
    input[size] = '\0';
    memset(&impairment, 0, sizeof(impairment));
    memset(&read_back, 0, sizeof(read_back));
    if (tpa_netdev_impairment_parse(input, &impairment, reason) == 0) {
        cr_assert_leq(impairment.drop_ppm, TPA_NETDEV_IMPAIR_PPM);
        cr_assert_leq(impairment.delay, TPA_NETDEV_IMPAIR_TIME_MAX);
        tpa_netdev_impairment_format(&impairment, text);
        cr_assert_eq(tpa_netdev_impairment_parse(text, &read_back, reason), 0, "%s", text);
        tpa_netdev_impairment_format(&read_back, again);
        cr_assert_eq(strcmp(text, again), 0, "%s became %s", text, again);
        cr_assert(fuzz_is_same(&impairment, &read_back, sizeof(impairment)), "%s", text);
    } else {
        cr_assert_neq(reason[0], '\0', "refused without a reason");
        cr_assert_lt(strlen(reason), sizeof(reason));
    }
    free(input);
    return 0;
}
