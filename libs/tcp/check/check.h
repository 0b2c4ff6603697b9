/*
 * What must hold of a connection at any time, for the tests of TCP and of whole stacks. Include as
 * "libs/tcp/check/check.h".
 */
#ifndef TPA_TCP_CHECK_H
#define TPA_TCP_CHECK_H

#include <stdbool.h>

#include <tpa/tcp/connection.h>
#include <tpa/tcp/worker.h>

/*
 * NULL, or what does not hold: sequence numbers in order, ranges sorted and disjoint and their sums
 * right, queues that agree with their counts. `settled`: output had its turn; then a timer must be
 * armed exactly when something is outstanding or waits, or an acknowledgement is owed.
 */
const char *tpa_tcp_check_connection(const struct tpa_tcp_connection *connection, bool settled);

/* What the connections of a worker hold together. Begins zeroed. */
struct tpa_tcp_check_sums {
    uint64_t charged;     /* bytes of received packets that wait in order */
    uint32_t connections; /* not finished */
    uint32_t extents, flights, reassemblies;
};

void tpa_tcp_check_add(struct tpa_tcp_check_sums *sums,
                       const struct tpa_tcp_connection *connection);

/* NULL, or where the worker's counts, slabs and budgets disagree with the sums over all of its
 * connections. `held`: bytes of received segments that were taken and not released. */
const char *tpa_tcp_check_worker(const struct tpa_tcp_worker *worker,
                                 const struct tpa_tcp_check_sums *sums, uint64_t held);

#endif
