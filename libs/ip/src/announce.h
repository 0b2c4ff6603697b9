/* Telling the link about addresses of ours that are new or whose interface came up. */
#ifndef TPA_IP_ANNOUNCE_H
#define TPA_IP_ANNOUNCE_H

#include <tpa/mem/slab.h>

#include "timer.h"

/* RFC 5227 section 1.1: ANNOUNCE_NUM and ANNOUNCE_INTERVAL; within RFC 4861's limits for
 * unsolicited advertisements. */
#define TPA_IP_ANNOUNCEMENTS         2
#define TPA_IP_ANNOUNCEMENT_INTERVAL (2 * TPA_BASE_SECOND)

struct tpa_ip_worker;

/* 0; TPA_EINVAL. */
int tpa_ip_announcer_init(struct tpa_ip_worker *worker, const struct tpa_mem_chunk_source *chunks);
void tpa_ip_announcer_fini(struct tpa_ip_worker *worker);

/* Announces those addresses for which no worker has taken that on. */
void tpa_ip_announce_new(struct tpa_ip_worker *worker);

/* The timer of an announcement has expired. */
void tpa_ip_announcement_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer);

#endif
