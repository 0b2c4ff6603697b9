#define _GNU_SOURCE

#include "physical.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tpa/base/error.h>

/* Kernel's Documentation/admin-guide/mm/pagemap.rst: 64 bits for each page. */
#define PAGEMAP_PRESENT    (UINT64_C(1) << 63)
#define PAGEMAP_FRAME_MASK ((UINT64_C(1) << 55) - 1)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; newer than the C library's headers */
#endif

/* Entries that are read at once. */
#define PAGEMAP_BATCH 512

/* The entries of `count` system pages in a row, from the one at `address` on. */
static int read_entries(int pagemap, uintptr_t address, uint64_t *entries, size_t count)
{
    off_t offset = (off_t)(address / (uintptr_t)sysconf(_SC_PAGESIZE) * sizeof(*entries));
    ssize_t wanted = (ssize_t)(count * sizeof(*entries));

    return pread(pagemap, entries, (size_t)wanted, offset) == wanted ? 0 : TPA_EIO;
}

static int address_of_entry(uint64_t entry, uint64_t *address)
{
    if ((entry & PAGEMAP_PRESENT) == 0)
        return TPA_ENOMEM;
    /* Without CAP_SYS_ADMIN the kernel says 0, which is no page of a process. */
    if ((entry & PAGEMAP_FRAME_MASK) == 0)
        return TPA_EPERM;
    *address = (entry & PAGEMAP_FRAME_MASK) * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

static int find_pages(int pagemap, uintptr_t base, size_t count, size_t page_size,
                      uint64_t *addresses)
{
    /* Small pages are read in batches; of a huge page only the first entry matters. */
    size_t batch = page_size == (size_t)sysconf(_SC_PAGESIZE) ? PAGEMAP_BATCH : 1;
    uint64_t entries[PAGEMAP_BATCH];

    for (size_t done = 0, now; done < count; done += now) {
        int error;

        now = count - done < batch ? count - done : batch;
        error = read_entries(pagemap, base + done * page_size, entries, now);
        for (size_t i = 0; error == 0 && i < now; i++)
            error = address_of_entry(entries[i], &addresses[done + i]);
        if (error != 0)
            return error;
    }
    return 0;
}

int tpa_mem_physical_pages(void *base, size_t count, size_t page_size, uint64_t *addresses)
{
    int pagemap, error;

    if (madvise(base, count * page_size, MADV_POPULATE_WRITE) != 0)
        return TPA_ENOMEM;
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return TPA_EIO;
    error = find_pages(pagemap, (uintptr_t)base, count, page_size, addresses);
    close(pagemap);
    return error;
}
