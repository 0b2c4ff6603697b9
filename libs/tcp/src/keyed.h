/*
 * Values that an attacker sees and must not guess, from one secret.
 */
#ifndef TPA_TCP_KEYED_H
#define TPA_TCP_KEYED_H

#include <tpa/base/random.h>
#include <tpa/tcp/connection.h>
#include <tpa/tcp/parts.h>

/* Derives a key for each purpose from the secret; the port counters start at random. */
void tpa_tcp_keys_init(struct tpa_tcp_keys *keys, const uint8_t secret[16],
                       struct tpa_base_random *random);

/* Initial sequence number: RFC 6528, a clock of 4 us plus a keyed hash of the tuple. */
uint32_t tpa_tcp_isn(const struct tpa_tcp_keys *keys, const struct tpa_tcp_tuple *tuple,
                     uint64_t now);

/* What is added to the timestamp clock of a connection of this tuple (RFC 7323 section 5.4). The
 * same for the same tuple, so that timestamps stay monotonic across its incarnations (RFC 6191). */
uint32_t tpa_tcp_timestamp_offset(const struct tpa_tcp_keys *keys,
                                  const struct tpa_tcp_tuple *tuple);

/* What a SYN cookie is made of: `irs` is the peer's initial sequence number, `said` what the cookie
 * says besides. Each period has a key of its own, so that what was learnt of one is worth nothing
 * in the next. */
uint32_t tpa_tcp_cookie_hash(const struct tpa_tcp_keys *keys, const struct tpa_tcp_tuple *tuple,
                             uint32_t irs, uint64_t said, uint64_t period);

/* The timestamp clock: 1 ms (RFC 7323 section 5.4 wants 1 ms to 1 s). */
#define TPA_TCP_TIMESTAMP_TICK UINT64_C(1000000)

static inline uint32_t tpa_tcp_timestamp(uint32_t offset, uint64_t now)
{
    return (uint32_t)(now / TPA_TCP_TIMESTAMP_TICK) + offset;
}

/*
 * RFC 6056, algorithm 4 (double hash): a port of [low, high] for a connection to that destination;
 * each call gives the next. `attempt` 0 is a new choice, which also skips a random few. high - low
 * + 1 calls in a row with attempt > 0 give each port once.
 */
uint16_t tpa_tcp_keys_port(struct tpa_tcp_keys *keys, struct tpa_base_random *random,
                           const struct tpa_base_address *local,
                           const struct tpa_base_address *remote, uint16_t remote_port,
                           uint16_t low, uint16_t high, uint32_t attempt);

#endif
