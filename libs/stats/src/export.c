#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tpa/stats/export.h>

#include "directory.h"
#include "plain_text.h"

/* Regions begin on pages, so that one worker's stores never share a line with another region. */
#define PAGE 4096ull

#define FILE_MODE 0644 /* anybody may look; the mailbox is another file */

static uint64_t page_up(uint64_t size)
{
    return (size + PAGE - 1) & ~(PAGE - 1);
}

static bool is_plain(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && c != '/';
}

int tpa_stats_export_directory(const char *prefix, const char *id, char path[TPA_STATS_PATH_SIZE])
{
    if (id[0] == '\0' || id[0] == '.' || strlen(id) >= TPA_STATS_ID_SIZE)
        return TPA_EINVAL;
    for (const char *c = id; *c != '\0'; c++) {
        if (!is_plain(*c))
            return TPA_EINVAL;
    }

    int length = snprintf(path, TPA_STATS_PATH_SIZE, "%s/%s", prefix, id);

    return prefix[0] != '\0' && length < TPA_STATS_PATH_SIZE ? TPA_OK : TPA_EINVAL;
}

static bool is_named_before(const struct tpa_stats_export_config *config, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(config->regions[i].name, config->regions[index].name) == 0)
            return true;
    }
    return false;
}

static bool is_region_valid(const struct tpa_stats_region_config *region)
{
    size_t length = strlen(region->name);

    if (length == 0 || length >= sizeof(((struct tpa_stats_export_region *)NULL)->name))
        return false;
    if (region->record_size == 0 || region->record_size % sizeof(uint64_t) != 0)
        return false;
    return region->record_count > 0 &&
           region->record_count <= TPA_STATS_EXPORT_MAX / region->record_size;
}

/* The size of the file, or 0 if a region is not valid or all of them are too large. */
static uint64_t size_of(const struct tpa_stats_export_config *config)
{
    uint64_t size = page_up(sizeof(struct tpa_stats_export_header));

    if (config->region_count > TPA_STATS_REGIONS_MAX)
        return 0;
    for (uint32_t i = 0; i < config->region_count; i++) {
        const struct tpa_stats_region_config *region = &config->regions[i];

        if (!is_region_valid(region) || is_named_before(config, i))
            return 0;
        size += page_up(region->record_size * region->record_count);
        if (size > TPA_STATS_EXPORT_MAX)
            return 0;
    }
    return size;
}

static void fill_regions(struct tpa_stats_export_header *header,
                         const struct tpa_stats_export_config *config)
{
    uint64_t offset = page_up(sizeof(*header));

    for (uint32_t i = 0; i < config->region_count; i++) {
        const struct tpa_stats_region_config *from = &config->regions[i];
        struct tpa_stats_export_region *to = &header->region[i];

        tpa_stats_text_copy(to->name, sizeof(to->name), from->name, strlen(from->name));
        tpa_stats_text_copy(to->text, sizeof(to->text), from->text, strlen(from->text));
        to->offset = offset;
        to->record_count = from->record_count;
        to->record_size = from->record_size;
        to->version = from->version;
        offset += page_up(from->record_size * from->record_count);
    }
}

static void fill_header(struct tpa_stats_export_header *header,
                        const struct tpa_stats_export_config *config, uint64_t size)
{
    header->magic = TPA_STATS_EXPORT_MAGIC;
    header->version = TPA_STATS_EXPORT_VERSION;
    header->header_size = sizeof(*header);
    header->file_size = size;
    header->pid = config->pid;
    header->region_count = config->region_count;
    header->started = config->started;
    header->started_wall = config->started_wall;
    tpa_stats_text_copy(header->program, sizeof(header->program), config->program,
                        strlen(config->program));
    tpa_stats_text_copy(header->build, sizeof(header->build), config->build, strlen(config->build));
    fill_regions(header, config);
}

/* The process that says it wrote this file; 0 if it does not say. For the message only. */
static int pid_in(int file)
{
    struct tpa_stats_export_header header;

    if (tpa_stats_file_read(file, &header, sizeof(header), 0) < 0)
        return 0;
    return header.magic == TPA_STATS_EXPORT_MAGIC ? header.pid : 0;
}

static int refuse_living(const struct tpa_stats_failure *failure)
{
    int file = tpa_stats_file_open(failure->directory, TPA_STATS_EXPORT_FILE, O_RDONLY);

    if (file < 0)
        return TPA_OK;

    bool living = tpa_stats_file_is_locked(file);
    int pid = pid_in(file);

    close(file);
    if (!living)
        return TPA_OK;
    return tpa_stats_fail(failure, TPA_EBUSY,
                          "%s is in use by process %d; stop it, or set TPA_ID to another name",
                          failure->directory, pid);
}

static struct tpa_stats_export_header *map(int file, uint64_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);

    return memory != MAP_FAILED ? memory : NULL;
}

/* Locked before anybody can open it under its name: it is never seen without its lock. */
static int make_file(struct tpa_stats_export *instance,
                     const struct tpa_stats_export_config *config, uint64_t size,
                     const struct tpa_stats_failure *failure)
{
    int file =
        tpa_stats_file_make(instance->directory, TPA_STATS_EXPORT_FILE, (off_t)size, FILE_MODE);

    if (file < 0)
        return tpa_stats_fail_errno(failure, "cannot make the state file in");

    struct tpa_stats_export_header *header = map(file, size);

    if (header == NULL || tpa_stats_file_lock(file) < 0) {
        int error = tpa_stats_fail_errno(failure, "cannot map or lock the state file in");

        if (header != NULL)
            munmap(header, size);
        tpa_stats_file_discard(instance->directory, TPA_STATS_EXPORT_FILE);
        close(file);
        return error;
    }
    fill_header(header, config, size);
    if (tpa_stats_file_publish(instance->directory, TPA_STATS_EXPORT_FILE) < 0) {
        int error = tpa_stats_fail_errno(failure, "cannot name the state file in");

        munmap(header, size);
        tpa_stats_file_discard(instance->directory, TPA_STATS_EXPORT_FILE);
        close(file);
        return error;
    }
    instance->header = header;
    instance->size = size;
    instance->file = file;
    return TPA_OK;
}

int tpa_stats_export_create(struct tpa_stats_export *instance,
                            const struct tpa_stats_export_config *config,
                            char reason[TPA_STATS_REASON_SIZE])
{
    struct tpa_stats_failure failure = {.reason = reason, .directory = config->directory};
    struct tpa_stats_export made;
    uint64_t size = size_of(config);

    if (size == 0)
        return tpa_stats_fail(&failure, TPA_EINVAL,
                              "the table of exported regions is invalid, or they exceed %llu MB",
                              TPA_STATS_EXPORT_MAX >> 20);
    if (tpa_stats_directory_make(config->directory) < 0)
        return tpa_stats_fail_errno(&failure, "cannot make the directory");

    made.directory = tpa_stats_directory_enter(config->directory);
    if (made.directory < 0)
        return tpa_stats_fail_errno(&failure, "cannot lock the directory");

    int error = refuse_living(&failure);

    if (error == TPA_OK)
        error = make_file(&made, config, size, &failure);
    tpa_stats_directory_leave(made.directory);
    if (error < 0) {
        close(made.directory);
        return error;
    }
    *instance = made;
    return TPA_OK;
}

void *tpa_stats_export_records(const struct tpa_stats_export *instance, const char *name,
                               size_t *size)
{
    struct tpa_stats_export_header *header = instance->header;

    for (uint32_t i = 0; i < header->region_count; i++) {
        const struct tpa_stats_export_region *region = &header->region[i];

        if (strcmp(region->name, name) != 0)
            continue;
        if (size != NULL)
            *size = region->record_count * region->record_size;
        return (char *)header + region->offset;
    }
    return NULL;
}

void tpa_stats_export_destroy(struct tpa_stats_export *instance)
{
    tpa_stats_file_remove(instance->directory, TPA_STATS_EXPORT_FILE, instance->file);
    munmap(instance->header, instance->size);
    close(instance->file);
    close(instance->directory);
    instance->header = NULL;
}
