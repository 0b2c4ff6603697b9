/*
 * Physical addresses of the process's own memory, as the kernel tells them to root.
 */
#ifndef TPA_MEM_PHYSICAL_H
#define TPA_MEM_PHYSICAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * The physical address of each of `count` pages of `page_size` bytes (a multiple of the system's
 * own pages) at `base`, which is aligned to that. Makes the pages present first. 0; TPA_EPERM (not
 * privileged), TPA_ENOMEM (a page can't be had), TPA_EIO (no /proc).
 */
int tpa_mem_physical_pages(void *base, size_t count, size_t page_size, uint64_t *addresses);

#endif
