/* What path MTU discovery learnt, by destination. Under the stack's lock. */
#ifndef TPA_IP_PATH_MTU_H
#define TPA_IP_PATH_MTU_H

#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/hash.h>
#include <tpa/base/list.h>

struct tpa_ip_stack;

struct tpa_ip_path_mtu_entry {
    struct tpa_base_list bucket;
    struct tpa_base_list age;
    struct tpa_base_address destination;
    uint64_t expires; /* ns */
    uint16_t mtu;     /* bytes */
};

struct tpa_ip_path_mtu_table {
    struct tpa_ip_path_mtu_entry *entries; /* `limit` of them */
    struct tpa_base_list *buckets;
    uint32_t bucket_mask;
    uint32_t limit;
    uint32_t count; /* atomic: read without the lock */
    struct tpa_base_hash_key key;
    struct tpa_base_list age; /* by expiry; all hold equally long */
    struct tpa_base_list free;
};

/* 0; TPA_ENOMEM. */
int tpa_ip_path_mtu_table_init(struct tpa_ip_path_mtu_table *table, uint32_t limit,
                               uint64_t hash_key);
void tpa_ip_path_mtu_table_fini(struct tpa_ip_path_mtu_table *table);

/* The MTU learnt for a destination and the time until which it holds; 0 = none. Takes the lock only
 * where there is any. */
uint16_t tpa_ip_path_mtu_find(struct tpa_ip_stack *stack,
                              const struct tpa_base_address *destination, uint64_t now,
                              uint64_t *expires);

/* Remembers an MTU in place of an earlier one; the oldest entry makes room. */
void tpa_ip_path_mtu_learn(struct tpa_ip_stack *stack, const struct tpa_base_address *destination,
                           uint16_t mtu, uint64_t now);

/* RFC 1191 section 7.1: the plateau below the length of a packet that was too big for a router that
 * doesn't say its MTU. */
uint16_t tpa_ip_path_mtu_plateau(uint16_t total_length);

#endif
