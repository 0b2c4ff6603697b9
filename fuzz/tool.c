/*
 * bin/tpa on a state file that nobody wrote in good faith: a sound file of a dead instance, with
 * any of its bytes changed, or cut short. The tool ends by itself, and prints nothing that a
 * terminal would obey.
 */
#include <unistd.h>

#include <tpa/api/version.h>
#include <tpa/stats/counter.h>
#include <tpa/tcp/connection.h>

#include "bin/tpa/tool.h"
#include "support/target.h"
#include "test/support/scratch.h"

enum {
    PAGE = 4096,
    COUNTERS = 4,
    TRACE_SIZE = 1024,
    IMAGE_SIZE = PAGE * (2 + 10), /* the header, and a page a region */
    PATCHES_MAX = 64,
};

#define INSTANCE "dead"

static uint8_t image[IMAGE_SIZE];

/* A region of `count` records on its own page; returns the first. */
static void *add_region(const char *name, uint32_t record_size, uint64_t count)
{
    struct tpa_stats_export_header *header = (void *)image;
    struct tpa_stats_export_region *region = &header->region[header->region_count];

    region->offset = PAGE * (2 + header->region_count++);
    region->record_size = record_size;
    region->record_count = count;
    region->version = TPA_API_EXPORT_VERSION;
    snprintf(region->name, sizeof(region->name), "%s", name);
    cr_assert_leq(region->offset + record_size * count, sizeof(image));
    return image + region->offset;
}

static void fill_socks(void)
{
    struct tpa_api_export_sock *socks = add_region(TPA_API_EXPORT_REGION_SOCKS, sizeof(*socks), 3);

    for (int i = 0; i < 3; i++) {
        socks[i].kind = (uint8_t)(TPA_API_EXPORT_CONNECTION + i);
        socks[i].state = TPA_TCP_ESTABLISHED;
        socks[i].sid = i;
        socks[i].trace = 1;
    }
    (void)add_region(TPA_API_EXPORT_REGION_UNNUMBERED, sizeof(*socks), 2);
}

static void fill_counters(void)
{
    struct tpa_stats_counter_record *names =
        add_region(TPA_API_EXPORT_REGION_NAMES, sizeof(*names), COUNTERS);

    for (uint32_t i = 0; i < COUNTERS; i++) {
        names[i].index = i;
        snprintf(names[i].name, sizeof(names[i].name), "counter.%u", i);
    }
    (void)add_region(TPA_API_EXPORT_REGION_COUNTERS, COUNTERS * sizeof(uint64_t), 2);
}

static void fill_trace(void)
{
    void *ring = add_region(TPA_API_EXPORT_REGION_TRACES, TRACE_SIZE, 2);
    struct tpa_base_trace *trace = tpa_base_trace_init(ring, TRACE_SIZE, TPA_BASE_TRACE_DETAIL, 0);

    for (unsigned int kind = 0; kind < 2 * trace->capacity; kind++)
        tpa_base_trace_write(trace, kind, kind % TPA_BASE_TRACE_COUNT, 1, 2, 3, 4);
}

static void fill_tables(void)
{
    struct tpa_api_export_worker *worker =
        add_region(TPA_API_EXPORT_REGION_WORKERS, sizeof(*worker), 2);
    struct tpa_api_export_memory *memory =
        add_region(TPA_API_EXPORT_REGION_MEMORY, sizeof(*memory), 2);
    struct tpa_api_export_option *option =
        add_region(TPA_API_EXPORT_REGION_CONFIG, sizeof(*option), 2);
    struct tpa_api_export_neighbour *neighbour =
        add_region(TPA_API_EXPORT_REGION_NEIGHBOURS, sizeof(*neighbour), 2);
    struct tpa_api_export_port *port = add_region(TPA_API_EXPORT_REGION_PORTS, sizeof(*port), 2);

    worker->thread = 1;
    snprintf(memory->name, sizeof(memory->name), "packets");
    snprintf(memory->unit, sizeof(memory->unit), "packets");
    snprintf(option->name, sizeof(option->name), "net.ip");
    snprintf(option->value, sizeof(option->value), "10.0.0.1");
    neighbour->used = 1;
    snprintf(port->name, sizeof(port->name), "eth0");
    snprintf(port->kind, sizeof(port->kind), "loop");
}

static void make_image(void)
{
    struct tpa_stats_export_header *header = (void *)image;

    memset(image, 0, sizeof(image));
    header->magic = TPA_STATS_EXPORT_MAGIC;
    header->version = TPA_STATS_EXPORT_VERSION;
    header->header_size = sizeof(*header);
    header->file_size = sizeof(image);
    snprintf(header->program, sizeof(header->program), "program");
    snprintf(header->build, sizeof(header->build), "%s", tpa_api_version());
    fill_socks();
    fill_counters();
    fill_trace();
    fill_tables();
}

/* Changes bytes here and there. Returns the file's size. */
static size_t spoil_image(struct tpa_base_cursor *input)
{
    size_t size = sizeof(image);

    for (int i = 0; i < PATCHES_MAX && tpa_base_cursor_remaining(input) > 0; i++) {
        size_t offset = tpa_base_cursor_be16(input) % sizeof(image);
        uint32_t length = fuzz_choice(input, 64);
        const uint8_t *bytes;

        if (length == 0)
            size = offset;
        length = (uint32_t)TPA_BASE_MIN(length, sizeof(image) - offset);
        bytes = fuzz_bytes(input, &length);
        memcpy(image + offset, bytes, length);
    }
    return size;
}

static struct scratch scratch;

static void remove_directory(void)
{
    scratch_remove(&scratch);
}

static void prepare_directory(void)
{
    if (scratch.path[0] != '\0')
        return;
    scratch_make(&scratch);
    atexit(remove_directory);
    setenv("TPA_ROOT_PREFIX", scratch.path, 1);
}

static const struct {
    const char *command;
    const char *flags;
    const char *word;
} calls[] = {
    {"sk", "av", NULL},  {"sk", "aj", NULL},    {"sk", "", "1"},       {"st", "a", "0"},
    {"st", "", "2"},     {"worker", "v", NULL}, {"worker", "j", NULL}, {"mem", "", NULL},
    {"mem", "j", NULL},  {"cfg", "", NULL},     {"cfg", "j", NULL},    {"cfg", "", "get"},
    {"neigh", "", NULL}, {"neigh", "j", NULL},  {"port", "v", NULL},   {"port", "j", NULL},
    {"list", "", NULL},  {"list", "j", NULL},
};

static void run(const char *name, const char *flags, const char *word)
{
    static struct tool tool;
    char text[16];
    char *words[] = {text};

    memset(&tool, 0, sizeof(tool));
    for (tool.command = tool_commands; strcmp(tool.command->name, name) != 0; tool.command++)
        ;
    for (; *flags != '\0'; flags++)
        tool.flag[(int)*flags] = true;
    if (word != NULL) {
        snprintf(text, sizeof(text), "%s", word);
        tool.argv = words;
        tool.argc = 1;
    }
    (void)tool.command->run(&tool);
    tool_close(&tool);
}

static void expect_harmless(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        cr_assert((unsigned char)text[i] >= ' ' ? text[i] != 0x7f : strchr("\n\t", text[i]) != NULL,
                  "byte %02x at %zu of\n%.*s", (unsigned char)text[i], i, (int)size, text);
}

/* The first byte says which of the tool's calls; the rest are changes to the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);
    uint32_t call = fuzz_choice(&input, TPA_BASE_ARRAY_SIZE(calls));
    FILE *const terminal[] = {stdout, stderr};
    char *text = NULL;
    size_t length = 0;

    prepare_directory();
    make_image();
    scratch_write(&scratch, INSTANCE "/" TPA_STATS_EXPORT_FILE, image, spoil_image(&input));
    stdout = stderr = open_memstream(&text, &length);
    cr_assert_not_null(stdout);
    run(calls[call].command, calls[call].flags, calls[call].word);
    fclose(stdout);
    stdout = terminal[0];
    stderr = terminal[1];
    expect_harmless(text, length);
    free(text);
    return 0;
}
