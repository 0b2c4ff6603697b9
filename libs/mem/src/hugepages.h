/*
 * What hugepages the system has to give.
 */
#ifndef TPA_MEM_HUGEPAGES_H
#define TPA_MEM_HUGEPAGES_H

#include <stdint.h>

#define TPA_MEM_HUGEPAGES_DIRECTORY "/sys/kernel/mm/hugepages"

/*
 * Bytes in hugepages of any size that are free and not promised to somebody, as the files in
 * `directory` say. 0 where there is no such directory.
 */
uint64_t tpa_mem_hugepages_free(const char *directory);

#endif
