/* Memory for slabs and tables that a test can count and let run out. Include as
 * "test/support/chunks.h". */
#ifndef TPA_TEST_SUPPORT_CHUNKS_H
#define TPA_TEST_SUPPORT_CHUNKS_H

#include <tpa/mem/slab.h>

struct test_chunks {
    struct tpa_mem_chunk_source source;
    size_t taken;     /* bytes */
    uint64_t calls;   /* of take */
    uint64_t fail_at; /* the call that fails; 0 = none */
};

void test_chunks_init(struct test_chunks *chunks);

#endif
