/* What the file loader and the dump need of the registry beyond its public calls. */
#ifndef TPA_CFG_SRC_REGISTRY_H
#define TPA_CFG_SRC_REGISTRY_H

#include <tpa/cfg/registry.h>

/* The option "section.key", or NULL. Neither text need be terminated. */
const struct tpa_cfg_option *tpa_cfg_find_parts(const struct tpa_cfg_registry *registry,
                                                const char *section, size_t section_length,
                                                const char *key, size_t key_length);

/* Sets an option of an instance that exists. Errors as tpa_cfg_set(). */
int tpa_cfg_set_option(struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option,
                       uint32_t instance, const char *value, struct tpa_cfg_error *error);

/* Reads a selector's value: an instance that exists. Errors as tpa_cfg_set(). */
int tpa_cfg_select(const struct tpa_cfg_option *option, const char *value, uint32_t *instance,
                   struct tpa_cfg_error *error);

/* The field of an instance. */
void *tpa_cfg_field(const struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option,
                    uint32_t instance);

/* Instances of which something was set, a bit each; of an option that is repeated. */
uint32_t tpa_cfg_seen(const struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option);

/* Instances to be shown, a bit each: those of which something was set; instance 0 if there is none.
 */
uint32_t tpa_cfg_shown(const struct tpa_cfg_registry *registry,
                       const struct tpa_cfg_option *option);

#endif
