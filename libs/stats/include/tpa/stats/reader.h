/*
 * Reader: a tool reads what an instance exports (export.h).
 *
 * It works on a file of an instance that runs, that is stuck, or that died, and on a file that
 * somebody made up: every number in it is checked against the size of the file, and what is read is
 * a copy that nobody changes afterwards. Nothing is mapped, so a file that is cut short meanwhile
 * is an error and not a signal.
 */
#ifndef TPA_STATS_READER_H
#define TPA_STATS_READER_H

#include <stdbool.h>

#include <tpa/stats/export.h>

TPA_BASE_DECLARATIONS_BEGIN

struct tpa_stats_reader {
    struct tpa_stats_export_header header; /* checked; all its texts are terminated and printable */
    int file;
};

/*
 * Opens the export in an instance's directory.
 *
 * On an error `reason` (may be NULL) says it in one line.
 * TPA_ENOENT       nothing is exported there
 * TPA_EPERM        it may not be read
 * TPA_EUNSUPPORTED another version of the format
 * TPA_EMALFORMED, TPA_ETRUNCATED  not such a file
 * TPA_EIO          the file system
 */
int tpa_stats_reader_open(struct tpa_stats_reader *reader, const char *directory,
                          char reason[TPA_STATS_REASON_SIZE]);

void tpa_stats_reader_close(struct tpa_stats_reader *reader);

/* Does the instance that wrote this file still live (stuck or not)? */
bool tpa_stats_reader_is_alive(const struct tpa_stats_reader *reader);

/* The region of that name, or NULL; part of reader->header. */
const struct tpa_stats_export_region *tpa_stats_reader_region(const struct tpa_stats_reader *reader,
                                                              const char *name);

/*
 * The same with the layout that the caller was built for; NULL: no such region, or another layout.
 */
const struct tpa_stats_export_region *tpa_stats_reader_region_of(
    const struct tpa_stats_reader *reader, const char *name, uint32_t version,
    uint32_t record_size);

/*
 * Copies records, as they are now.
 *
 * `region`:  of this reader.
 * `first`:   index of the first record.
 * `records`: room for `count` * region->record_size bytes.
 * TPA_EINVAL (beyond the region), TPA_ETRUNCATED (the file was cut short), TPA_EIO; else 0.
 */
int tpa_stats_reader_copy(const struct tpa_stats_reader *reader,
                          const struct tpa_stats_export_region *region, uint64_t first,
                          uint64_t count, void *records);

/*
 * The names of the instances under a prefix ($TPA_ROOT_PREFIX) that export something, dead ones
 * too, in no order. `ids` has room for `maximum`. Returns how many there are, which may be more
 * than `maximum`; TPA_ENOENT, TPA_EPERM, TPA_EIO: the prefix can't be read.
 */
int tpa_stats_reader_instances(const char *prefix, char (*ids)[TPA_STATS_ID_SIZE], int maximum);

TPA_BASE_DECLARATIONS_END

#endif
