#include <string.h>

#include <tpa/base/drop.h>

static const struct {
    const char *name;
    const char *text;
} drop_reasons[TPA_BASE_DROP_COUNT] = {
#define DROP_REASON(constant, name, text) [TPA_BASE_DROP_##constant] = {name, text},
    TPA_BASE_DROP_LIST(DROP_REASON)
#undef DROP_REASON
};

static int is_reason(enum tpa_base_drop reason)
{
    return (unsigned int)reason < TPA_BASE_DROP_COUNT;
}

const char *tpa_base_drop_name(enum tpa_base_drop reason)
{
    return is_reason(reason) ? drop_reasons[reason].name : "unknown";
}

const char *tpa_base_drop_text(enum tpa_base_drop reason)
{
    return is_reason(reason) ? drop_reasons[reason].text : "unknown drop reason";
}

enum tpa_base_drop tpa_base_drop_from_name(const char *name)
{
    for (unsigned int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++) {
        if (strcmp(drop_reasons[reason].name, name) == 0)
            return (enum tpa_base_drop)reason;
    }
    return TPA_BASE_DROP_COUNT;
}

uint64_t tpa_base_drop_total(const struct tpa_base_drop_counters *counters)
{
    uint64_t total = 0;

    for (unsigned int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++) {
        if (!tpa_base_drop_is_benign((enum tpa_base_drop)reason))
            total += tpa_base_drop_get(counters, (enum tpa_base_drop)reason);
    }
    return total;
}
