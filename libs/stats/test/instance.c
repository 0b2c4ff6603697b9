#include "instance.h"

#include <criterion/criterion.h>

static const struct tpa_stats_region_config regions[] = {
    {.name = "workers",
     .text = "u64 steps, u64 packets",
     .version = 3,
     .record_size = sizeof(struct worker_record),
     .record_count = WORKER_COUNT},
    {.name = "socks",
     .text = "bytes",
     .version = 1,
     .record_size = SOCK_SIZE,
     .record_count = SOCK_COUNT},
};

void instance_directory(const struct scratch *scratch, char path[TPA_STATS_PATH_SIZE])
{
    cr_assert_eq(tpa_stats_export_directory(scratch->path, INSTANCE_ID, path), 0);
}

struct tpa_stats_export_config instance_config(const char *path)
{
    return (struct tpa_stats_export_config){
        .directory = path,
        .program = INSTANCE_NAME,
        .build = "1.2.3",
        .pid = INSTANCE_PID,
        .started = 1000,
        .started_wall = 2000,
        .regions = regions,
        .region_count = TPA_BASE_ARRAY_SIZE(regions),
    };
}

void instance_create(struct tpa_stats_export *instance, const struct scratch *scratch)
{
    char path[TPA_STATS_PATH_SIZE];
    char reason[TPA_STATS_REASON_SIZE] = "";

    instance_directory(scratch, path);

    struct tpa_stats_export_config config = instance_config(path);

    cr_assert_eq(tpa_stats_export_create(instance, &config, reason), 0, "%s", reason);
}
