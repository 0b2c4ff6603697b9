/*
 * Control: what a tool asks a running instance to do, carried out by worker 0 between two of its
 * steps.
 *
 *   cfg set NAME VALUE | cfg get NAME
 *   pktfuzz [show] | pktfuzz off | pktfuzz KEY VALUE ... [rx|tx] [port N]
 *   capture start FILE [snap BYTES] [size BYTES] [port N] | capture stop [port N]
 *   neigh add ADDRESS MAC [port N] | neigh del ADDRESS [port N]
 *   route add PREFIX/LENGTH [via GATEWAY] [port N] | route del PREFIX/LENGTH
 *   address add ADDRESS/LENGTH [port N] | address del ADDRESS
 *   link up|down [port N]
 *
 * Words are separated by blanks; "..." groups. Without a port: all, or 0 where only one makes
 * sense.
 */
#ifndef TPA_API_CONTROL_H
#define TPA_API_CONTROL_H

#include <stdint.h>

#include <tpa/cfg/options.h>
#include <tpa/stats/mailbox.h>

#include "instance.h"

struct tpa_api_control;

/* All that is pointed at outlives it. NULL when memory is exhausted. */
struct tpa_api_control *tpa_api_control_create(struct tpa_api_instance *instance,
                                               struct tpa_cfg_registry *registry,
                                               struct tpa_cfg_options *options);
void tpa_api_control_destroy(struct tpa_api_control *control);

/* What the configuration wants from the start on: a capture. A failure is a warning in the log. */
void tpa_api_control_start(struct tpa_api_control *control);

/* Answers a request that waits. How many: 0 or 1. */
int tpa_api_control_poll(struct tpa_api_control *control, struct tpa_stats_mailbox *mailbox,
                         uint64_t now);

/*
 * Carries out one request. `request`: at most TPA_STATS_REQUEST_MAX characters. `answer`: one or
 * more lines without the last newline; on an error it says in one line what is wrong. 0; or an
 * enum tpa_error.
 */
int tpa_api_control_run(struct tpa_api_control *control, const char *request, char *answer,
                        size_t size, uint64_t now);

#endif
