/* The world's server, shown to the outside in a scratch directory. */
#ifndef TPA_API_TEST_EXPORTED_H
#define TPA_API_TEST_EXPORTED_H

#include <tpa/stats/reader.h>

#include "export_private.h"
#include "test/support/scratch.h"
#include "world.h"

struct exported {
    struct scratch scratch;
    char prefix[1][TPA_API_EXPORT_PREFIX_SIZE];
    struct tpa_cfg_options options;
    struct tpa_cfg_registry registry;
    struct tpa_stats_reader reader;
};

extern struct exported exported;

/* For TestSuite(): a usual world whose server is exported as "toy" and open for reading. */
void exported_begin(void);
void exported_end(void);

/* The same with options of the configuration, "name=value", set before; NULL ends them. */
void exported_begin_with(const char *const *options);

/* One record of a region, as a tool would read it. */
void exported_read(const char *name, uint64_t index, void *record, size_t size);
struct tpa_api_export_sock exported_sock(int sid);

#endif
