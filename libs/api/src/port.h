/*
 * Ports of an instance.
 */
#ifndef TPA_API_PORT_H
#define TPA_API_PORT_H

#include <stdbool.h>

#include "instance.h"

/* Frames that wait at a queue's worker for those who have no queue; beyond it they wait at their
 * own worker. */
#define TPA_API_TRANSMIT_INBOX_SIZE 1024

/* Wraps the device, adds its interface, addresses and routes, and starts it. 0, or an error and
 * `reason`; tpa_api_port_close is due in both cases. */
int tpa_api_port_open(struct tpa_api_instance *instance, struct tpa_api_port *port,
                      const struct tpa_api_port_config *config, char reason[TPA_API_REASON_SIZE]);

/* Takes the layers apart; the caller's device is closed too unless `keep_device`. A zeroed port is
 * allowed. */
void tpa_api_port_close(struct tpa_api_instance *instance, struct tpa_api_port *port,
                        bool keep_device);

#endif
