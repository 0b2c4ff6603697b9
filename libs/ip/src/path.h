/* The inside of paths and of a worker's cache of them. */
#ifndef TPA_IP_PATH_INTERNAL_H
#define TPA_IP_PATH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/drop.h>
#include <tpa/base/list.h>
#include <tpa/ip/path.h>
#include <tpa/mem/slab.h>

#include "tables.h"
#include "wire.h"

#define TPA_IP_PATH_HEADER_MAX (TPA_IP_LINK_LENGTH_MAX + TPA_IP_IPV6_LENGTH)

enum tpa_ip_path_state {
    TPA_IP_PATH_READY,      /* the link header is complete */
    TPA_IP_PATH_UNRESOLVED, /* but for the destination MAC address */
    TPA_IP_PATH_LOOPBACK,
    TPA_IP_PATH_NO_ROUTE,
    TPA_IP_PATH_NO_SOURCE, /* the source address is not ours any more */
};

struct tpa_ip_path {
    uint8_t header[TPA_IP_PATH_HEADER_MAX]; /*   0: link header, IP header */
    uint8_t link_length;                    /*  58: bytes of the link header */
    uint8_t header_length;                  /*  59: bytes of both */
    uint16_t mtu;                           /*  60: bytes */
    uint16_t identification;                /*  62: IPv4's, of the last packet */
    uint64_t generation;                    /*  64: of the stack's, when this was worked out */
    uint64_t refresh_at;                    /*  72: ns: the neighbour or the MTU is to be checked */
    struct tpa_ip_worker *worker;           /*  80 */
    uint8_t state;                          /*  88: enum tpa_ip_path_state */
    uint8_t interface;                      /*  89: as the API names it */
    bool ipv4;                              /*  90 */
    uint32_t references;                    /*  92 */
    uint64_t confirm_after;                 /*  96: ns: sooner confirmations change nothing */
    struct tpa_ip_path *next;               /* 104: of its bucket */
    struct tpa_base_list idle;              /* 112: unreferenced ones, longest idle first */
    struct tpa_base_address source;         /* 128 */
    struct tpa_base_address destination;    /* 144 */
    struct tpa_base_address next_hop;       /* 160 */
    uint64_t mtu_expires;                   /* 176: ns: when a learnt MTU is forgotten */
};

_Static_assert(offsetof(struct tpa_ip_path, generation) == 64, "the template fills a line");
_Static_assert(offsetof(struct tpa_ip_path, source) == 128, "output uses two lines");

struct tpa_ip_path_cache {
    struct tpa_ip_path **buckets;
    uint32_t bucket_mask;
    uint32_t limit;
    struct tpa_mem_slab slab;
    struct tpa_base_list idle;
};

/* 0; TPA_ENOMEM. */
int tpa_ip_path_cache_init(struct tpa_ip_path_cache *cache, uint32_t limit,
                           const struct tpa_mem_chunk_source *chunks);
void tpa_ip_path_cache_fini(struct tpa_ip_path_cache *cache);

/*
 * The cached path from a source (an address of ours) to a destination, or else `transient`, made
 * into one for the time of a call. Up to date.
 */
struct tpa_ip_path *tpa_ip_path_for(struct tpa_ip_worker *worker,
                                    const struct tpa_base_address *source,
                                    const struct tpa_base_address *destination,
                                    struct tpa_ip_path *transient);

/* Brings a path up to date with the stack's generation. */
void tpa_ip_path_refresh(struct tpa_ip_path *path);

/* The same, and moves its neighbour's state on, since a packet is about to use it. */
void tpa_ip_path_renew(struct tpa_ip_path *path, uint64_t now);

/* Is there no way to send anything? */
static inline bool tpa_ip_path_is_broken(const struct tpa_ip_path *path)
{
    return path->state >= TPA_IP_PATH_NO_ROUTE;
}

#endif
