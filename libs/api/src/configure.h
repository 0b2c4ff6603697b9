/*
 * From the options of a configuration to what EAL, the pool and an instance are made with.
 */
#ifndef TPA_API_CONFIGURE_H
#define TPA_API_CONFIGURE_H

#include <tpa/api/instance.h>
#include <tpa/cfg/options.h>
#include <tpa/mem/eal.h>

/*
 * Reads ./tpa.cfg or /etc/tpa.cfg, whichever is found first, and the environment's TPA_CFG on top,
 * and checks that the options agree. 0, or an error and `reason`.
 */
int tpa_api_configure_read(struct tpa_cfg_registry *registry, struct tpa_cfg_options *options,
                           char reason[TPA_API_REASON_SIZE]);

/* Brings EAL up with the ports that the options name. TPA_EEXIST counts as success. */
int tpa_api_configure_eal(const struct tpa_cfg_options *options, const char *program,
                          char reason[TPA_API_REASON_SIZE]);

/* Packet buffers that fit the ports' frames. */
int tpa_api_configure_pool(const struct tpa_cfg_options *options, struct tpa_mem_pool *pool,
                           char reason[TPA_API_REASON_SIZE]);

/* Of all connections; may be called again when an option was changed. */
void tpa_api_configure_tcp(const struct tpa_cfg_options *options, struct tpa_tcp_config *tcp);

/*
 * A configuration of an instance for these options, with devices opened. `config` points into
 * static storage of this file's: one instance a process is made this way. On an error devices are
 * closed again.
 */
int tpa_api_configure_instance(const struct tpa_cfg_options *options, uint32_t worker_count,
                               struct tpa_mem_pool *pool, struct tpa_api_instance_config *config,
                               char reason[TPA_API_REASON_SIZE]);

/* Closes the devices of a configuration that no instance took. */
void tpa_api_configure_close(struct tpa_api_instance_config *config);

#endif
