/*
 * Reassembly of fragments of both families (RFC 791, RFC 815, RFC 8200 section 4.5), by worker:
 * ports spread fragments over queues by addresses alone, so those of one datagram meet.
 *
 * A fragment is held as it came, with its headers, until its datagram is complete; the datagram is
 * then put into the first one's buffers, as if it had arrived in one piece.
 */
#ifndef TPA_IP_FRAGMENT_H
#define TPA_IP_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/list.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/slab.h>

#include "timer.h"

/* Datagrams in reassembly of one worker, and those that are remembered only to be refused. */
#define TPA_IP_REASSEMBLIES_MAX 1024

/* Fragments of one datagram: 65,535 bytes in pieces of an MTU of 576. */
#define TPA_IP_FRAGMENTS_MAX 128

#define TPA_IP_REASSEMBLY_BUCKETS 256

struct tpa_ip_datagram;
struct tpa_ip_worker;

/* What a fragment's header says. */
struct tpa_ip_fragment {
    uint32_t identification;
    uint32_t offset; /* bytes of the datagram's data before this */
    bool more;
};

struct tpa_ip_reassembler {
    struct tpa_mem_slab slab;
    struct tpa_mem_budget budget;                            /* bytes of whole buffers */
    struct tpa_base_list age;                                /* oldest first */
    struct tpa_base_list buckets[TPA_IP_REASSEMBLY_BUCKETS]; /* by source */
};

/* 0; TPA_EINVAL. */
int tpa_ip_reassembler_init(struct tpa_ip_worker *worker,
                            const struct tpa_mem_chunk_source *chunks);
/* Drops what is held. */
void tpa_ip_reassembler_fini(struct tpa_ip_worker *worker);

/*
 * A fragment, whose data is what `datagram` says: from transport, length bytes. TPA_IP_TAKEN: held;
 * TPA_IP_CONTINUE: it was the last one missing, and `datagram` is the whole datagram now; else the
 * reason to drop it.
 */
int tpa_ip_fragment_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram,
                          const struct tpa_ip_fragment *fragment);

/* The timer of a reassembly has expired. */
void tpa_ip_reassembly_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer);

#endif
