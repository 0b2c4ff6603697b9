#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tpa/stats/reader.h>

#include "directory.h"
#include "plain_text.h"

static bool is_inside(const struct tpa_stats_export_region *region, uint64_t file_size)
{
    if (region->offset < sizeof(struct tpa_stats_export_header) || region->offset > file_size)
        return false;
    if (region->record_size == 0 || region->record_size % sizeof(uint64_t) != 0 ||
        region->record_count == 0)
        return false;
    return region->record_count <= (file_size - region->offset) / region->record_size;
}

/* Rewrites a text of the header so that it is terminated and safe to print. */
static void tame(char *text, size_t size)
{
    text[size - 1] = '\0';
    tpa_stats_text_copy(text, size, text, size);
}

static int check_regions(struct tpa_stats_export_header *header)
{
    if (header->region_count > TPA_STATS_REGIONS_MAX)
        return TPA_EMALFORMED;
    for (uint32_t i = 0; i < header->region_count; i++) {
        struct tpa_stats_export_region *region = &header->region[i];

        if (!is_inside(region, header->file_size))
            return TPA_EMALFORMED;
        tame(region->name, sizeof(region->name));
        tame(region->text, sizeof(region->text));
    }
    return TPA_OK;
}

static int check_header(struct tpa_stats_export_header *header, uint64_t file_size,
                        const struct tpa_stats_failure *failure)
{
    if (header->magic != TPA_STATS_EXPORT_MAGIC)
        return tpa_stats_fail(failure, TPA_EMALFORMED, "%s/%s is not a state file of tpa",
                              failure->directory, TPA_STATS_EXPORT_FILE);
    if (header->version != TPA_STATS_EXPORT_VERSION || header->header_size != sizeof(*header))
        return tpa_stats_fail(failure, TPA_EUNSUPPORTED,
                              "%s: its program has version %u of the state file, this one reads %u",
                              failure->directory, header->version, TPA_STATS_EXPORT_VERSION);
    if (header->file_size > file_size || check_regions(header) < 0)
        return tpa_stats_fail(failure, TPA_EMALFORMED, "%s/%s is damaged", failure->directory,
                              TPA_STATS_EXPORT_FILE);

    tame(header->program, sizeof(header->program));
    tame(header->build, sizeof(header->build));
    return TPA_OK;
}

static int read_header(struct tpa_stats_reader *reader, const struct tpa_stats_failure *failure)
{
    struct stat status;

    if (fstat(reader->file, &status) < 0)
        return tpa_stats_fail_errno(failure, "cannot read the state file in");

    int error = tpa_stats_file_read(reader->file, &reader->header, sizeof(reader->header), 0);

    if (error < 0)
        return tpa_stats_fail(failure, error, "%s/%s is incomplete", failure->directory,
                              TPA_STATS_EXPORT_FILE);
    return check_header(&reader->header, (uint64_t)status.st_size, failure);
}

static int fail_open(const struct tpa_stats_failure *failure)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return tpa_stats_fail(failure, TPA_ENOENT,
                              "no instance at %s: it never ran, or it ended in order",
                              failure->directory);
    return tpa_stats_fail(failure, tpa_base_error_from_errno(errno), "cannot read %s/%s: %s",
                          failure->directory, TPA_STATS_EXPORT_FILE, strerror(errno));
}

int tpa_stats_reader_open(struct tpa_stats_reader *reader, const char *directory,
                          char reason[TPA_STATS_REASON_SIZE])
{
    struct tpa_stats_failure failure = {.reason = reason, .directory = directory};

    reader->file = tpa_stats_file_open(directory, TPA_STATS_EXPORT_FILE, O_RDONLY);
    if (reader->file < 0)
        return fail_open(&failure);

    int error = read_header(reader, &failure);

    if (error < 0)
        tpa_stats_reader_close(reader);
    return error;
}

void tpa_stats_reader_close(struct tpa_stats_reader *reader)
{
    if (reader->file >= 0)
        close(reader->file);
    reader->file = -1;
}

bool tpa_stats_reader_is_alive(const struct tpa_stats_reader *reader)
{
    return tpa_stats_file_is_locked(reader->file);
}

const struct tpa_stats_export_region *tpa_stats_reader_region(const struct tpa_stats_reader *reader,
                                                              const char *name)
{
    for (uint32_t i = 0; i < reader->header.region_count; i++) {
        if (strcmp(reader->header.region[i].name, name) == 0)
            return &reader->header.region[i];
    }
    return NULL;
}

const struct tpa_stats_export_region *tpa_stats_reader_region_of(
    const struct tpa_stats_reader *reader, const char *name, uint32_t version, uint32_t record_size)
{
    const struct tpa_stats_export_region *region = tpa_stats_reader_region(reader, name);

    if (region == NULL || region->version != version || region->record_size != record_size)
        return NULL;
    return region;
}

int tpa_stats_reader_copy(const struct tpa_stats_reader *reader,
                          const struct tpa_stats_export_region *region, uint64_t first,
                          uint64_t count, void *records)
{
    if (first > region->record_count || count > region->record_count - first)
        return TPA_EINVAL;
    return tpa_stats_file_read(reader->file, records, count * region->record_size,
                               (off_t)(region->offset + first * region->record_size));
}

static bool has_export(const char *prefix, const char *id)
{
    char directory[TPA_STATS_PATH_SIZE];

    if (tpa_stats_export_directory(prefix, id, directory) < 0)
        return false;

    int file = tpa_stats_file_open(directory, TPA_STATS_EXPORT_FILE, O_RDONLY);

    if (file >= 0)
        close(file);
    return file >= 0;
}

int tpa_stats_reader_instances(const char *prefix, char (*ids)[TPA_STATS_ID_SIZE], int maximum)
{
    DIR *directory = opendir(prefix);
    int count = 0;

    if (directory == NULL)
        return tpa_base_error_from_errno(errno);

    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!has_export(prefix, entry->d_name))
            continue;
        if (count < maximum)
            tpa_stats_text_copy(ids[count], TPA_STATS_ID_SIZE, entry->d_name,
                                sizeof(entry->d_name));
        count++;
    }
    closedir(directory);
    return count;
}
