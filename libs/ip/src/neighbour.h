/*
 * The neighbours of all interfaces: link-layer addresses and reachability (RFC 4861 section 7.3,
 * for IPv4 too). Readers find entries under RCU; who changes one holds the stack's lock.
 *
 * The machine has no timers: a worker that uses a neighbour asks again when what it was told has
 * run out, and is then told what to send. A neighbour that nobody uses is not probed.
 */
#ifndef TPA_IP_NEIGHBOUR_H
#define TPA_IP_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/clock.h>
#include <tpa/base/hash.h>
#include <tpa/base/list.h>
#include <tpa/ip/stack.h>
#include <tpa/mem/rcu.h>

/* RFC 4861 section 10: RETRANS_TIMER, DELAY_FIRST_PROBE_TIME, MAX_MULTICAST_SOLICIT and
 * MAX_UNICAST_SOLICIT. RFC 1122 section 2.3.2.1 wants at most one ARP request a second. */
#define TPA_IP_NEIGHBOUR_RETRANSMIT TPA_BASE_SECOND
#define TPA_IP_NEIGHBOUR_DELAY_TIME (5 * TPA_BASE_SECOND)
#define TPA_IP_NEIGHBOUR_SOLICITS   3

/* Entries looked at to find one that may make room for another. */
#define TPA_IP_NEIGHBOUR_EVICT_SCAN 32

struct tpa_ip_stack;

struct tpa_ip_neighbour_entry {
    struct tpa_ip_neighbour_entry *next; /* of its bucket, under RCU */
    struct tpa_base_address address;
    uint8_t interface;
    uint8_t solicits;   /* solicitations sent in this state */
    uint64_t link;      /* atomic: state << 48 | MAC address */
    uint64_t confirmed; /* atomic: ns, 0 = never */
    uint64_t since;     /* of the last solicitation, in DELAY of its begin */
    struct tpa_base_list age;
    struct tpa_mem_rcu_head rcu;
};

struct tpa_ip_neighbour_table {
    struct tpa_ip_neighbour_entry **buckets;
    uint32_t bucket_mask;
    uint32_t count;
    uint32_t limit;
    uint64_t reachable; /* ns */
    struct tpa_base_hash_key key;
    struct tpa_base_list age; /* oldest first */
};

/* What is known of a neighbour at a moment. */
struct tpa_ip_link {
    uint8_t mac[6];
    uint8_t state;      /* enum tpa_ip_neighbour_state */
    uint64_t ask_again; /* when tpa_ip_neighbour_advance() is to be called, by who uses it */
};

/* Can packets be sent to it? */
static inline bool tpa_ip_link_is_usable(const struct tpa_ip_link *link)
{
    return link->state != TPA_IP_NEIGHBOUR_INCOMPLETE && link->state != TPA_IP_NEIGHBOUR_FAILED;
}

/* 0; TPA_ENOMEM. */
int tpa_ip_neighbour_table_init(struct tpa_ip_neighbour_table *table, uint32_t limit,
                                uint64_t reachable, uint64_t hash_key);
/* No readers are left. */
void tpa_ip_neighbour_table_fini(struct tpa_ip_neighbour_table *table);

/* Under RCU, without the lock. False: not known. */
bool tpa_ip_neighbour_find(const struct tpa_ip_stack *stack, uint8_t interface,
                           const struct tpa_base_address *address, struct tpa_ip_link *link);

/* What its caller has to send now. */
enum tpa_ip_solicitation {
    TPA_IP_SOLICIT_NOBODY,
    TPA_IP_SOLICIT_GROUP,   /* broadcast or the solicited-node group */
    TPA_IP_SOLICIT_UNICAST, /* to link->mac */
};

/*
 * A packet wants to go to this neighbour, or the time has come that the last call named: moves its
 * state on, creating the entry where needed. Fills *link. Returns enum tpa_ip_solicitation;
 * TPA_ENOMEM, TPA_ENOSPC (table full of entries in use).
 */
int tpa_ip_neighbour_advance(struct tpa_ip_stack *stack, uint8_t interface,
                             const struct tpa_base_address *address, uint64_t now,
                             struct tpa_ip_link *link);

/*
 * A neighbour named its address on its own account: ARP request, gratuitous ARP, Neighbour
 * Solicitation. Another MAC address makes an entry STALE; a new entry is made, as STALE, if
 * `create` and there is room. 0; TPA_ENOENT (unknown, not created), TPA_ENOSPC, TPA_ENOMEM.
 */
int tpa_ip_neighbour_heard(struct tpa_ip_stack *stack, uint8_t interface,
                           const struct tpa_base_address *address, const uint8_t mac[6],
                           bool create, uint64_t now);

/*
 * A neighbour advertised itself: RFC 4861 section 7.2.5; an ARP reply is a solicited, overriding
 * advertisement. `mac` NULL: none in it. 0; TPA_ENOENT.
 */
int tpa_ip_neighbour_advertised(struct tpa_ip_stack *stack, uint8_t interface,
                                const struct tpa_base_address *address, const uint8_t *mac,
                                bool solicited, bool override, uint64_t now);

/* Upper layers know that it is reachable. */
void tpa_ip_neighbour_confirm(struct tpa_ip_stack *stack, uint8_t interface,
                              const struct tpa_base_address *address, uint64_t now);

/* Upper layers doubt it: it is probed at its next use. */
void tpa_ip_neighbour_suspect(struct tpa_ip_stack *stack, uint8_t interface,
                              const struct tpa_base_address *address);

#endif
