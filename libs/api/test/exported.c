#include "exported.h"

#include <stdio.h>
#include <string.h>

struct exported exported;

static void options_begin(const char *const *options)
{
    struct tpa_cfg_error error;

    tpa_cfg_options_init(&exported.registry, &exported.options);
    cr_assert_eq(tpa_cfg_set(&exported.registry, "net.ip", WORLD_SERVER_IPV4 "/24", &error),
                 TPA_OK);
    for (; options != NULL && options[0] != NULL; options += 2)
        cr_assert_eq(tpa_cfg_set(&exported.registry, options[0], options[1], &error), TPA_OK);
    tpa_cfg_registry_start(&exported.registry);
}

void exported_begin_with(const char *const *options)
{
    struct tpa_api_export_config config = {
        .registry = &exported.registry,
        .options = &exported.options,
        .program = "toy program",
        .id = "toy",
    };
    char reason[TPA_STATS_REASON_SIZE] = "";

    world_begin_usual();
    scratch_make(&exported.scratch);
    options_begin(options);
    snprintf(exported.prefix[0], sizeof(exported.prefix[0]), "%s", exported.scratch.path);
    config.instance = world.server.instance;
    cr_assert_eq(tpa_api_export_create(&config, exported.prefix, 1, reason), TPA_OK, "%s", reason);
    tpa_api_export_worker_open(world.server.workers[0], world.now);
    cr_assert_eq(tpa_stats_reader_open(&exported.reader,
                                       tpa_api_export_directory(world.server.instance->export),
                                       reason),
                 TPA_OK, "%s", reason);
}

void exported_begin(void)
{
    exported_begin_with(NULL);
}

void exported_end(void)
{
    tpa_stats_reader_close(&exported.reader);
    world_end();
    scratch_remove(&exported.scratch);
}

void exported_read(const char *name, uint64_t index, void *record, size_t size)
{
    const struct tpa_stats_export_region *region =
        tpa_stats_reader_region_of(&exported.reader, name, TPA_API_EXPORT_VERSION, (uint32_t)size);

    cr_assert_not_null(region, "region %s", name);
    cr_assert_eq(tpa_stats_reader_copy(&exported.reader, region, index, 1, record), TPA_OK);
}

struct tpa_api_export_sock exported_sock(int sid)
{
    struct tpa_api_export_sock sock;

    exported_read(TPA_API_EXPORT_REGION_SOCKS, (uint64_t)sid, &sock, sizeof(sock));
    cr_assert_eq(sock.sequence % 2, 0, "nobody writes it now");
    return sock;
}
