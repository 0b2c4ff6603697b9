/*
 * Export: a running instance shows its state to other processes, in a file that it maps.
 *
 * The instance's directory ($TPA_ROOT_PREFIX/$TPA_ID) holds the file "state": a header with a table
 * of named regions, each an array of records. The instance writes into the mapped memory as it
 * goes, without system calls; a tool reads the file (reader.h) whether the instance runs, is stuck,
 * or has died. The instance holds a lock on the file as long as it lives: that, not a process
 * number, tells the living from the dead.
 *
 * Numbers in the file are in the machine's own byte order. Records contain no pointers.
 */
#ifndef TPA_STATS_EXPORT_H
#define TPA_STATS_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_STATS_EXPORT_FILE    "state"
#define TPA_STATS_EXPORT_MAGIC   0x3154415453415054ull /* "TPASTAT1" as bytes in the file */
#define TPA_STATS_EXPORT_VERSION 1u

#define TPA_STATS_REGIONS_MAX 16           /* a stack exposes about ten */
#define TPA_STATS_EXPORT_MAX  (1ull << 30) /* bytes of file: 8 KB of trace for 100,000 socks */
#define TPA_STATS_ID_SIZE     64           /* an instance's name with its NUL */
#define TPA_STATS_PATH_SIZE   512          /* a path with its NUL */
#define TPA_STATS_REASON_SIZE 768          /* a line that holds a path and what is wrong with it */

/* A region as it stands in the header. Its records begin on a page of their own. */
struct tpa_stats_export_region {
    char name[24];         /*   0: "workers", "socks", ...; unique */
    uint64_t offset;       /*  24: of the first record in the file */
    uint64_t record_count; /*  32 */
    uint32_t record_size;  /*  40: bytes */
    uint32_t version;      /*  44: of the records' layout */
    char text[208];        /*  48: says what a record holds */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_stats_export_region) == 256, "read by other processes");

struct tpa_stats_export_header {
    uint64_t magic;        /*   0 */
    uint32_t version;      /*   8 */
    uint32_t header_size;  /*  12: sizeof(struct tpa_stats_export_header) */
    uint64_t file_size;    /*  16 */
    int32_t pid;           /*  24 */
    uint32_t region_count; /*  28 */
    uint64_t started;      /*  32: ns, on the clock that the instance calls `now` */
    uint64_t started_wall; /*  40: ns since 1970 */
    char program[64];      /*  48 */
    char build[64];        /* 112: version of the library */
    uint64_t reserved[10]; /* 176 */
    struct tpa_stats_export_region region[TPA_STATS_REGIONS_MAX]; /* 256 */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_stats_export_header) == 4352, "read by other processes");

struct tpa_stats_region_config {
    const char *name;      /* 1 to 23 characters */
    const char *text;      /* says what a record holds; cut to 207 characters */
    uint32_t version;      /* to be raised when the records' layout changes */
    uint32_t record_size;  /* bytes, > 0; a multiple of 8, so that no word is split */
    uint64_t record_count; /* > 0 */
};

struct tpa_stats_export_config {
    const char *directory; /* of the instance; made if it is not there */
    const char *program;
    const char *build;
    int32_t pid;      /* shown to people only */
    uint64_t started; /* see the header */
    uint64_t started_wall;
    const struct tpa_stats_region_config *regions;
    uint32_t region_count; /* at most TPA_STATS_REGIONS_MAX */
};

struct tpa_stats_export {
    struct tpa_stats_export_header *header; /* mapped */
    size_t size;                            /* bytes mapped */
    int file;                               /* holds the lock */
    int directory;
};

/*
 * The directory of an instance: "<prefix>/<id>".
 *
 * `id` may not be empty, begin with '.', contain '/', a control character or a blank, or be longer
 * than TPA_STATS_ID_SIZE - 1. TPA_EINVAL: it is, or the path does not fit TPA_STATS_PATH_SIZE.
 */
int tpa_stats_export_directory(const char *prefix, const char *id, char path[TPA_STATS_PATH_SIZE]);

/*
 * Makes the file of this instance and maps it. All records are zero. The memory is reserved now, so
 * that a full file system fails here and not in the middle of a store. A file that a dead instance
 * left is replaced; who still reads that one keeps reading it.
 *
 * `config` is not kept. On an error `reason` (may be NULL) says in one line what failed and what to
 * do, and *export is untouched.
 * TPA_EBUSY  a living instance owns the directory
 * TPA_EINVAL a field of `config`
 * TPA_EPERM, TPA_ENOSPC, TPA_ENOMEM, TPA_EIO  the file system
 */
int tpa_stats_export_create(struct tpa_stats_export *instance,
                            const struct tpa_stats_export_config *config,
                            char reason[TPA_STATS_REASON_SIZE]);

/*
 * The first record of a region, aligned to a page; valid until destroy. `size` (may be NULL) is set
 * to the region's bytes. NULL: no region of that name.
 */
void *tpa_stats_export_records(const struct tpa_stats_export *instance, const char *name,
                               size_t *size);

/* Unmaps and removes the file, as at the end of a program that ends in order. */
void tpa_stats_export_destroy(struct tpa_stats_export *instance);

TPA_BASE_DECLARATIONS_END

#endif
