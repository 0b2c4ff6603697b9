#include "keyed.h"

#include <tpa/base/clock.h>
#include <tpa/base/hash.h>
#include <tpa/tcp/worker.h>

/* RFC 6528 section 3: the clock of M. */
#define ISN_TICK (4 * TPA_BASE_MICROSECOND)

/* A new choice of a port skips up to so many: who sees one port of a destination's sequence doesn't
 * know the next. */
#define PORT_SKIP_MAX 8

/* What each key is for, hashed with the secret. */
enum purpose {
    PURPOSE_ISN = 1,
    PURPOSE_TIMESTAMP,
    PURPOSE_PORT_OFFSET,
    PURPOSE_PORT_COUNTER,
    PURPOSE_COOKIE
};

static struct tpa_base_hash_key derive(const struct tpa_base_hash_key *secret, uint64_t purpose)
{
    struct tpa_base_hash_key key;
    uint64_t label = purpose << 1;

    key.k0 = tpa_base_siphash24(secret, &label, sizeof(label));
    label |= 1;
    key.k1 = tpa_base_siphash24(secret, &label, sizeof(label));
    return key;
}

void tpa_tcp_keys_init(struct tpa_tcp_keys *keys, const uint8_t secret[16],
                       struct tpa_base_random *random)
{
    struct tpa_base_hash_key master = tpa_base_hash_key_from_bytes(secret);

    keys->isn = derive(&master, PURPOSE_ISN);
    keys->timestamp = derive(&master, PURPOSE_TIMESTAMP);
    keys->port_offset = derive(&master, PURPOSE_PORT_OFFSET);
    keys->port_counter = derive(&master, PURPOSE_PORT_COUNTER);
    keys->cookie = derive(&master, PURPOSE_COOKIE);
    tpa_base_random_bytes(random, keys->port_counters, sizeof(keys->port_counters));
}

static void begin_with_tuple(struct tpa_base_siphash *state, const struct tpa_base_hash_key *key,
                             const struct tpa_tcp_tuple *tuple)
{
    tpa_base_siphash24_begin(state, key);
    tpa_base_siphash_add(state, &tuple->local, sizeof(tuple->local));
    tpa_base_siphash_add(state, &tuple->remote, sizeof(tuple->remote));
    tpa_base_siphash_add_u16(state, tuple->local_port);
    tpa_base_siphash_add_u16(state, tuple->remote_port);
}

static uint64_t hash_tuple(const struct tpa_base_hash_key *key, const struct tpa_tcp_tuple *tuple)
{
    struct tpa_base_siphash state;

    begin_with_tuple(&state, key, tuple);
    return tpa_base_siphash_finish(&state);
}

uint32_t tpa_tcp_isn(const struct tpa_tcp_keys *keys, const struct tpa_tcp_tuple *tuple,
                     uint64_t now)
{
    return (uint32_t)(now / ISN_TICK) + (uint32_t)hash_tuple(&keys->isn, tuple);
}

uint32_t tpa_tcp_timestamp_offset(const struct tpa_tcp_keys *keys,
                                  const struct tpa_tcp_tuple *tuple)
{
    return (uint32_t)hash_tuple(&keys->timestamp, tuple);
}

uint32_t tpa_tcp_cookie_hash(const struct tpa_tcp_keys *keys, const struct tpa_tcp_tuple *tuple,
                             uint32_t irs, uint64_t said, uint64_t period)
{
    struct tpa_base_hash_key key = derive(&keys->cookie, period);
    struct tpa_base_siphash state;

    begin_with_tuple(&state, &key, tuple);
    tpa_base_siphash_add_u32(&state, irs);
    tpa_base_siphash_add_u64(&state, said);
    return (uint32_t)tpa_base_siphash_finish(&state);
}

static uint64_t hash_destination(const struct tpa_base_hash_key *key,
                                 const struct tpa_base_address *local,
                                 const struct tpa_base_address *remote, uint16_t remote_port)
{
    const struct tpa_tcp_tuple tuple = {
        .local = *local, .remote = *remote, .remote_port = remote_port};

    return hash_tuple(key, &tuple);
}

uint16_t tpa_tcp_keys_port(struct tpa_tcp_keys *keys, struct tpa_base_random *random,
                           const struct tpa_base_address *local,
                           const struct tpa_base_address *remote, uint16_t remote_port,
                           uint16_t low, uint16_t high, uint32_t attempt)
{
    uint32_t count = (uint32_t)high - low + 1;
    uint64_t offset = hash_destination(&keys->port_offset, local, remote, remote_port);
    uint64_t index = hash_destination(&keys->port_counter, local, remote, remote_port);
    uint32_t *counter = &keys->port_counters[index % TPA_TCP_PORT_COUNTERS];

    *counter += 1;
    if (attempt == 0)
        *counter += (uint32_t)tpa_base_random_below(random, PORT_SKIP_MAX);
    return (uint16_t)(low + (offset + *counter) % count);
}

uint16_t tpa_tcp_ephemeral_port(struct tpa_tcp_worker *worker, const struct tpa_base_address *local,
                                const struct tpa_base_address *remote, uint16_t remote_port,
                                uint16_t low, uint16_t high, uint32_t attempt)
{
    return tpa_tcp_keys_port(&worker->keys, worker->random, local, remote, remote_port, low, high,
                             attempt);
}
