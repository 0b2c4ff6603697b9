/*
 * Bringing DPDK's environment (EAL) up, and threads into it.
 */
#ifndef TPA_MEM_EAL_H
#define TPA_MEM_EAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/* All strings are read during the call only. */
struct tpa_mem_eal_config {
    const char *program;    /* name for EAL's messages; NULL = "tpa" */
    const char *socket_mem; /* MB for each NUMA socket, "1024" or "1024,1024", or NULL */
    const char *extra_args; /* words for EAL, separated by blanks, or NULL; '...' and "..." group.
                               They come last and have precedence */
    const char *const *pci; /* PCI addresses to use, ended by NULL, or NULL: none is probed */
    uint64_t
        memory_size; /* bytes wanted in all; 0 = TPA_MEM_EAL_MEMORY_DEFAULT. Without hugepages
                        there is never more; with them it can grow. socket_mem has precedence */
    bool no_huge;    /* don't use hugepages even where there are some */
};

/* 100,000 packet buffers of the default size and their rings, twice. */
#define TPA_MEM_EAL_MEMORY_DEFAULT (UINT64_C(512) << 20)

/* The user's half of the address space; EAL itself counts megabytes in an int and would wrap. */
#define TPA_MEM_EAL_MEMORY_MAX (UINT64_C(1) << 47)

#define TPA_MEM_EAL_REASON_SIZE 256

/*
 * Brings EAL up, once per process, quietly. The calling thread becomes EAL's main thread (lcore 0);
 * the CPUs that it may run on stay as they are. No file is left behind (an empty directory of EAL's
 * is), and no other process can attach: any number of programs run side by side.
 *
 * Hugepages are used where there are enough free ones for the memory that is wanted, in segments of
 * one file descriptor each (memif and vhost want few of those); else ordinary memory, which drivers
 * of real hardware can't use. Without PCI addresses IOVAs are virtual addresses. Options in
 * extra_args replace what would be chosen: -l, -c and --lcores the CPU; -m and --socket-mem the
 * amount; --no-huge, --in-memory, --huge-dir, --huge-unlink, --file-prefix, --legacy-mem,
 * --no-shconf and --proc-type the kind of memory; -a and -b the PCI devices; --iova-mode;
 * --log-level. Without the last, errors alone are reported: on standard error when EAL is up all
 * the same, else the first of them in `reason`. Meanwhile stdout and stderr are redirected: start
 * other threads later.
 *
 * 0; TPA_EEXIST (EAL is up already, by the program or by an earlier call: it can be used),
 * TPA_EINVAL (config), TPA_EIO (EAL failed; it can't be tried again in this process), TPA_ENOMEM.
 * On an error `reason` says in one line, without a newline, what failed and what to do; else it is
 * empty.
 */
int tpa_mem_eal_init(const struct tpa_mem_eal_config *config, char reason[TPA_MEM_EAL_REASON_SIZE]);

/* True when EAL is up, whoever started it. */
bool tpa_mem_eal_is_up(void);

/* True when EAL, which must be up, runs on hugepages. */
bool tpa_mem_eal_has_hugepages(void);

/*
 * Registers the calling thread, so that pools keep a cache for it. Without, allocating and freeing
 * works, but each goes to the shared ring. A thread that ends without leaving has left. Idempotent,
 * also for EAL's own threads. 0; TPA_ENOSPC (128 threads are registered), TPA_EINVAL (EAL is not
 * up).
 */
int tpa_mem_thread_join(void);

/* The inverse; the thread's caches go back to the pools. Nothing for a thread that has not joined.
 */
void tpa_mem_thread_leave(void);

TPA_BASE_DECLARATIONS_END

#endif
