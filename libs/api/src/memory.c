/*
 * Memory that is sent without a copy.
 */
#include "call.h"

_Static_assert(sizeof(struct tpa_memseg) == sizeof(struct tpa_mem_region) &&
                   offsetof(struct tpa_memseg, phys_addr) ==
                       offsetof(struct tpa_mem_region, phys_addr) &&
                   offsetof(struct tpa_memseg, size) == offsetof(struct tpa_mem_region, size) &&
                   offsetof(struct tpa_memseg, page_size) ==
                       offsetof(struct tpa_mem_region, page_size),
               "the registry's list is the API's");

struct tpa_memseg *tpa_memsegs_get(void)
{
    struct tpa_api_instance *instance = tpa_api_default_instance();

    if (instance == NULL) {
        errno = EINVAL;
        return NULL;
    }
    return (struct tpa_memseg *)(uintptr_t)tpa_mem_registry_regions(instance->registry);
}

int tpa_extmem_register(void *virt_addr, size_t len, uint64_t *phys_addrs, int nr_page,
                        size_t page_size)
{
    struct tpa_api_instance *instance = tpa_api_default_instance();
    int error;

    if (instance == NULL || nr_page <= 0)
        return tpa_api_fail(TPA_EINVAL);
    error = tpa_mem_registry_add(instance->registry, virt_addr, len, phys_addrs, (uint32_t)nr_page,
                                 page_size);
    if (error != TPA_OK)
        return tpa_api_fail(error);
    atomic_fetch_add(&instance->registered_regions, 1);
    atomic_fetch_add(&instance->registered_bytes, len);
    return 0;
}

int tpa_extmem_unregister(void *virt_addr, size_t len)
{
    struct tpa_api_instance *instance = tpa_api_default_instance();
    int error;

    if (instance == NULL)
        return tpa_api_fail(TPA_EINVAL);
    error = tpa_mem_registry_remove(instance->registry, virt_addr, len);
    if (error != TPA_OK)
        return tpa_api_fail(error);
    atomic_fetch_sub(&instance->registered_regions, 1);
    atomic_fetch_sub(&instance->registered_bytes, len);
    return 0;
}
