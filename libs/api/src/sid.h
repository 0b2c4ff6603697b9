/*
 * Sock numbers: small, the smallest free one each time, shared by all workers.
 *
 * A sid is taken and given back by any worker (bits of a two-level map, changed atomically); what
 * stands at it is written by the worker that took it.
 */
#ifndef TPA_API_SID_H
#define TPA_API_SID_H

#include <stdint.h>

#include <tpa/api/instance.h> /* tpa_api_sids_create, tpa_api_sids_destroy */

uint32_t tpa_api_sids_limit(const struct tpa_api_sids *sids);

/* The smallest free sid, with `object` (not NULL) standing at it; TPA_ENFILE. */
int tpa_api_sid_take(struct tpa_api_sids *sids, void *object);

/* Gives a sid back. */
void tpa_api_sid_give(struct tpa_api_sids *sids, int sid);

/* What stands at a sid; NULL when nothing does or the number is out of range. */
void *tpa_api_sid_object(const struct tpa_api_sids *sids, int sid);

#endif
