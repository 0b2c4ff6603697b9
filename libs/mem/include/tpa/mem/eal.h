/*
 * Bringing DPDK's environment up, and threads into it.
 */
#ifndef TPA_MEM_EAL_H
#define TPA_MEM_EAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tpa_mem_eal_config {
    const char *program; /* name for EAL's messages and its file prefix (made unique per process) */
    const char *socket_mem; /* as EAL's --socket-mem, or NULL */
    const char *extra_args; /* words for EAL, separated by blanks, or NULL; quotes group */
    const char *const *pci; /* PCI addresses to use, ended by NULL, or NULL: none is probed */
    uint64_t memory_size;   /* bytes wanted where there are no hugepages; 0 = 512 MiB */
    bool no_huge;           /* don't look for hugepages */
};

#define TPA_MEM_EAL_REASON_SIZE 256

/*
 * Brings EAL up, once per process; hugepages are used where there are enough free ones for
 * memory_size, else --no-huge. 0; TPA_EINVAL, TPA_EEXIST (already up: by the program itself, which
 * is fine, or a second call), TPA_EIO. On an error `reason` says in one line what failed and what
 * to do.
 */
int tpa_mem_eal_init(const struct tpa_mem_eal_config *config, char reason[TPA_MEM_EAL_REASON_SIZE]);

/* True when EAL runs on hugepages. */
bool tpa_mem_eal_has_hugepages(void);

/* Registers the calling thread so that pools keep a cache for it. 0; TPA_ENOSPC. Idempotent. */
int tpa_mem_thread_join(void);
void tpa_mem_thread_leave(void);

#endif
