/*
 * What must hold of a whole stack, for tests of it. Include as "libs/api/check/check.h".
 */
#ifndef TPA_API_CHECK_H
#define TPA_API_CHECK_H

#include <stdint.h>

#include <tpa/api/instance.h>

/*
 * NULL, or what does not hold after a step of the worker: of each of its connections, and of what
 * they hold together. `held`: bytes of buffers (as the budget counts them) that the program took
 * and has not given back.
 */
const char *tpa_api_check_worker(struct tpa_worker *worker, uint64_t held);

/* The same of at most `count` connections, those with sids from *sid on; *sid moves on, and around.
 * For workers with many of them. */
const char *tpa_api_check_some(struct tpa_worker *worker, int *sid, unsigned int count);

/* NULL, or what is left in an instance all of whose socks have ended. */
const char *tpa_api_check_idle(struct tpa_api_instance *instance);

/* The worker's sock at a sid; NULL: there is none, or it is another's or a listener. */
struct tpa_api_sock *tpa_api_check_sock(struct tpa_worker *worker, int sid);

#endif
