#include "fragment.h"

#include <string.h>

#include <tpa/base/checksum.h>
#include <tpa/base/cursor.h>

#include "icmp.h"
#include "ipv6.h"
#include "offload.h"
#include "state.h"

/* A fragment that is held: its packet's layer. Offsets in bytes. */
struct held {
    uint32_t network;   /* of the IP header in the packet */
    uint32_t transport; /* of the fragment's data in the packet */
    uint32_t start;     /* of that data in the datagram's */
    uint32_t end;       /* behind it */
    uint16_t
        protocol_at;  /* of the byte that names the fragment header (IPv6), from the IP header */
    uint8_t protocol; /* of the datagram's data */
};

_Static_assert(sizeof(struct held) <= TPA_MEM_PACKET_LAYER_SIZE, "fits a packet's layer");

struct reassembly {
    struct tpa_ip_timer timer;
    struct tpa_base_list bucket;
    struct tpa_base_list age;
    struct tpa_ip_received received; /* of the datagram */
    uint32_t identification;
    uint8_t protocol;  /* of IPv4, where it is part of the key */
    uint8_t ecn_seen;  /* bit n: a fragment had ECN field n */
    uint16_t refused;  /* the reason (enum tpa_base_drop) for which all of it is dropped, also what
                          is  still to come (RFC 5722); 0 = none */
    uint16_t count;    /* fragments */
    uint32_t gathered; /* bytes of data */
    uint32_t total;    /* bytes of data in all; 0 = not known yet */
    uint64_t memory;   /* bytes that are taken from the budget */
    struct rte_mbuf *first; /* by offset, linked by next_packet */
    struct rte_mbuf *last;
};

static struct held *held_of(struct rte_mbuf *packet)
{
    return tpa_mem_packet_layer(packet, struct held);
}

static struct rte_mbuf **next_of(struct rte_mbuf *packet)
{
    return &tpa_mem_packet_private(packet)->next_packet;
}

static struct tpa_base_list *bucket_of(struct tpa_ip_worker *worker,
                                       const struct tpa_base_address *source)
{
    return &worker->reassembler.buckets[tpa_base_hash_words(&worker->key, source->u64, 2) %
                                        TPA_IP_REASSEMBLY_BUCKETS];
}

static void drop_held(struct tpa_ip_worker *worker, struct reassembly *reassembly,
                      enum tpa_base_drop reason)
{
    while (reassembly->first != NULL) {
        struct rte_mbuf *packet = reassembly->first;

        reassembly->first = *next_of(packet);
        tpa_ip_drop(worker, reassembly->received.interface, packet, reason);
    }
    reassembly->last = NULL;
    reassembly->count = 0;
    tpa_mem_budget_give(&worker->reassembler.budget, reassembly->memory);
    reassembly->memory = 0;
}

static void finish(struct tpa_ip_worker *worker, struct reassembly *reassembly)
{
    tpa_timer_cancel(&worker->wheel, &reassembly->timer.timer);
    tpa_base_list_remove(&reassembly->bucket);
    tpa_base_list_remove(&reassembly->age);
    tpa_mem_budget_give(&worker->reassembler.budget, reassembly->memory);
    tpa_mem_slab_free(&worker->reassembler.slab, reassembly);
}

static void evict(struct tpa_ip_worker *worker, struct reassembly *reassembly,
                  enum tpa_base_drop reason)
{
    drop_held(worker, reassembly, reason);
    finish(worker, reassembly);
}

/* The datagram is lost; it is remembered until its time is up. */
static enum tpa_base_drop refuse(struct tpa_ip_worker *worker, struct reassembly *reassembly,
                                 enum tpa_base_drop reason)
{
    drop_held(worker, reassembly, reason);
    reassembly->refused = (uint16_t)reason;
    return reason;
}

static bool is_of(const struct reassembly *reassembly, const struct tpa_ip_datagram *datagram,
                  uint32_t identification)
{
    const struct tpa_ip_received *received = datagram->received;

    return reassembly->identification == identification &&
           reassembly->received.interface == received->interface &&
           (!datagram->ipv4 || reassembly->protocol == datagram->protocol) &&
           tpa_base_address_equal(&reassembly->received.source, &received->source) &&
           tpa_base_address_equal(&reassembly->received.destination, &received->destination);
}

static struct reassembly *find(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                               uint32_t identification)
{
    struct tpa_base_list *bucket = bucket_of(worker, &datagram->received->source);

    TPA_BASE_LIST_FOREACH(node, bucket)
    {
        struct reassembly *reassembly = TPA_BASE_CONTAINER_OF(node, struct reassembly, bucket);

        if (is_of(reassembly, datagram, identification))
            return reassembly;
    }
    return NULL;
}

/* A source that has begun too many datagrams loses its oldest. */
static void limit_source(struct tpa_ip_worker *worker, const struct tpa_base_address *source)
{
    struct tpa_base_list *bucket = bucket_of(worker, source);
    struct reassembly *oldest = NULL;
    uint32_t count = 0;

    TPA_BASE_LIST_FOREACH(node, bucket)
    {
        struct reassembly *reassembly = TPA_BASE_CONTAINER_OF(node, struct reassembly, bucket);

        if (!tpa_base_address_equal(&reassembly->received.source, source))
            continue;
        if (count++ == 0)
            oldest = reassembly;
    }
    if (oldest != NULL && count >= worker->stack->limits.fragments_per_source)
        evict(worker, oldest, TPA_BASE_DROP_FRAGMENT_SOURCE_LIMIT);
}

static struct reassembly *begin(struct tpa_ip_worker *worker,
                                const struct tpa_ip_datagram *datagram, uint32_t identification)
{
    struct tpa_ip_reassembler *reassembler = &worker->reassembler;
    struct reassembly *reassembly;

    limit_source(worker, &datagram->received->source);
    if (reassembler->slab.in_use == TPA_IP_REASSEMBLIES_MAX)
        evict(worker,
              TPA_BASE_CONTAINER_OF(tpa_base_list_first(&reassembler->age), struct reassembly, age),
              TPA_BASE_DROP_FRAGMENT_LIMIT);
    reassembly = tpa_mem_slab_alloc(&reassembler->slab);
    if (reassembly == NULL)
        return NULL;
    *reassembly = (struct reassembly){
        .timer.kind = TPA_IP_TIMER_REASSEMBLY,
        .received = *datagram->received,
        .identification = identification,
        .protocol = datagram->protocol,
    };
    tpa_base_list_push_back(bucket_of(worker, &datagram->received->source), &reassembly->bucket);
    tpa_base_list_push_back(&reassembler->age, &reassembly->age);
    tpa_timer_arm(&worker->wheel, &reassembly->timer.timer,
                  worker->now + worker->stack->limits.fragment_timeout);
    return reassembly;
}

static void complain(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                     uint8_t code, uint32_t pointer)
{
    if (!datagram->ipv4)
        tpa_ip_icmp_error(worker, datagram, TPA_IP_ICMPV6_PARAMETER_PROBLEM, code, pointer);
}

/* Does a first fragment hold all headers (RFC 7112, RFC 1858)? */
static bool has_all_headers(const struct tpa_ip_worker *worker,
                            const struct tpa_ip_datagram *datagram)
{
    uint8_t buffer[TPA_IP_IPV6_EXTENSION_MAX];
    uint32_t length = TPA_BASE_MIN(datagram->length, sizeof(buffer));
    struct tpa_base_cursor cursor = tpa_base_cursor_make(
        tpa_mem_packet_read(datagram->packet, datagram->transport, length, buffer), length);
    uint8_t protocol = datagram->protocol;

    if (!datagram->ipv4)
        protocol =
            tpa_ip_ipv6_skip_extensions(&cursor, protocol, worker->stack->limits.extension_headers);
    if (protocol == TPA_IP_PROTOCOL_TCP)
        tpa_base_cursor_skip(&cursor, TPA_IP_TCP_LENGTH);
    else if (protocol == TPA_IP_PROTOCOL_UDP || protocol == TPA_IP_PROTOCOL_ICMP ||
             protocol == TPA_IP_PROTOCOL_ICMPV6)
        tpa_base_cursor_skip(&cursor, TPA_IP_ICMP_LENGTH);
    return tpa_base_cursor_ok(&cursor);
}

/* What a fragment says by itself. `pointer` of complaints: payload length and offset fields. */
static int check_fragment(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                          const struct tpa_ip_fragment *fragment)
{
    uint32_t headers = datagram->transport - datagram->network;
    uint32_t fixed =
        datagram->ipv4 ? headers : headers - TPA_IP_IPV6_LENGTH - TPA_IP_IPV6_FRAGMENT_LENGTH;

    if (datagram->length == 0)
        return TPA_BASE_DROP_FRAGMENT_LENGTH;
    if (fragment->more && datagram->length % TPA_IP_FRAGMENT_UNIT != 0) {
        complain(worker, datagram, TPA_IP_ICMPV6_CODE_FIELD, 4);
        return TPA_BASE_DROP_FRAGMENT_LENGTH;
    }
    if (fixed + fragment->offset + datagram->length > TPA_IP_DATAGRAM_MAX) {
        complain(worker, datagram, TPA_IP_ICMPV6_CODE_FIELD,
                 headers - TPA_IP_IPV6_FRAGMENT_LENGTH + 2);
        return TPA_BASE_DROP_FRAGMENT_TOO_BIG;
    }
    if (fragment->offset == 0 && !has_all_headers(worker, datagram)) {
        complain(worker, datagram, TPA_IP_ICMPV6_CODE_FIRST_FRAGMENT, 0);
        return TPA_BASE_DROP_FRAGMENT_FIRST_TOO_SMALL;
    }
    return TPA_IP_CONTINUE;
}

/* Takes memory for a packet; the oldest datagrams make room for it, all but its own. */
static bool charge(struct tpa_ip_worker *worker, struct reassembly *reassembly,
                   const struct rte_mbuf *packet)
{
    struct tpa_ip_reassembler *reassembler = &worker->reassembler;
    uint64_t size = tpa_mem_packet_truesize(packet);

    if (tpa_mem_budget_take(&reassembler->budget, size)) {
        reassembly->memory += size;
        return true;
    }
    TPA_BASE_LIST_FOREACH_SAFE(node, following, &reassembler->age)
    {
        struct reassembly *oldest = TPA_BASE_CONTAINER_OF(node, struct reassembly, age);

        if (oldest == reassembly || oldest->memory == 0)
            continue;
        evict(worker, oldest, TPA_BASE_DROP_FRAGMENT_BUDGET);
        if (tpa_mem_budget_take(&reassembler->budget, size)) {
            reassembly->memory += size;
            return true;
        }
    }
    return false;
}

/* What fragments say about the datagram's end must agree. */
static bool agrees_about_end(const struct reassembly *reassembly, const struct held *held,
                             bool more)
{
    uint32_t furthest = reassembly->last != NULL ? held_of(reassembly->last)->end : 0;

    if (!more)
        return (reassembly->total == 0 || reassembly->total == held->end) && furthest <= held->end;
    return reassembly->total == 0 || held->end <= reassembly->total;
}

/* Where a fragment belongs: behind the last one that begins before it. NULL = in front. */
static struct rte_mbuf *find_predecessor(const struct reassembly *reassembly,
                                         const struct held *held)
{
    struct rte_mbuf *predecessor = NULL;

    if (reassembly->last != NULL && held_of(reassembly->last)->start <= held->start)
        return reassembly->last;
    for (struct rte_mbuf *packet = reassembly->first;
         packet != NULL && held_of(packet)->start <= held->start; packet = *next_of(packet))
        predecessor = packet;
    return predecessor;
}

/* Puts a fragment into its place. A verdict: TPA_IP_CONTINUE, or what is wrong with it. */
static int insert(struct tpa_ip_worker *worker, struct reassembly *reassembly,
                  struct rte_mbuf *packet)
{
    const struct held *held = held_of(packet);
    struct rte_mbuf *before = find_predecessor(reassembly, held);
    struct rte_mbuf *after = before != NULL ? *next_of(before) : reassembly->first;

    if (before != NULL && held_of(before)->start == held->start &&
        held_of(before)->end == held->end)
        return TPA_BASE_DROP_FRAGMENT_DUPLICATE; /* RFC 8200 section 4.5 lets the others live */
    if ((before != NULL && held_of(before)->end > held->start) ||
        (after != NULL && held->end > held_of(after)->start))
        return refuse(worker, reassembly, TPA_BASE_DROP_FRAGMENT_OVERLAP);
    if (reassembly->count == TPA_IP_FRAGMENTS_MAX)
        return refuse(worker, reassembly, TPA_BASE_DROP_FRAGMENT_COUNT);
    if (!charge(worker, reassembly, packet))
        return refuse(worker, reassembly, TPA_BASE_DROP_FRAGMENT_BUDGET);

    *next_of(packet) = after;
    if (before != NULL)
        *next_of(before) = packet;
    else
        reassembly->first = packet;
    if (after == NULL)
        reassembly->last = packet;
    reassembly->count++;
    reassembly->gathered += held->end - held->start;
    return TPA_IP_CONTINUE;
}

/* RFC 3168 section 5.3: congestion seen by one fragment was seen by the datagram, but not where
 * another one was not capable of it. */
static bool merge_ecn(const struct reassembly *reassembly, uint8_t *traffic_class)
{
    bool congested = reassembly->ecn_seen & 1u << TPA_IP_ECN_CE;

    if (congested && (reassembly->ecn_seen & 1u << TPA_IP_ECN_NOT_ECT))
        return false;
    if (congested)
        *traffic_class |= TPA_IP_ECN_CE;
    return true;
}

/* The first fragment's IP header becomes that of the datagram. */
static void rewrite_ipv4(uint8_t *header, uint32_t header_length, const struct reassembly *done)
{
    header[1] = done->received.traffic_class;
    tpa_base_store_be16(header + 2, (uint16_t)(header_length + done->total));
    tpa_base_store_be16(header + 6, 0);
    tpa_base_store16(header + 10, 0);
    tpa_base_store16(header + 10,
                     tpa_base_checksum_finish(tpa_base_checksum_partial(header, header_length, 0)));
}

/* The same for IPv6: what stands before the fragment header moves over it. */
static void rewrite_ipv6(struct rte_mbuf *packet, struct held *first, const struct reassembly *done)
{
    uint8_t *data = tpa_mem_packet_data(packet);
    uint32_t before = first->transport - TPA_IP_IPV6_FRAGMENT_LENGTH;
    uint8_t *header = data + TPA_IP_IPV6_FRAGMENT_LENGTH + first->network;

    memmove(data + TPA_IP_IPV6_FRAGMENT_LENGTH, data, before);
    tpa_mem_packet_trim_front(packet, TPA_IP_IPV6_FRAGMENT_LENGTH);
    first->transport = before;
    header[0] = (uint8_t)(0x60 | done->received.traffic_class >> 4);
    header[1] = (uint8_t)((header[1] & 0x0f) | done->received.traffic_class << 4);
    tpa_base_store_be16(header + 4,
                        (uint16_t)(before - first->network - TPA_IP_IPV6_LENGTH + done->total));
    header[first->protocol_at] = first->protocol;
}

/* Takes the headers off a later fragment, and a segment that had nothing else. */
static struct rte_mbuf *only_data(struct rte_mbuf *packet)
{
    struct rte_mbuf *rest;

    tpa_mem_packet_trim_front(packet, held_of(packet)->transport);
    if (tpa_mem_packet_segment_length(packet) > 0)
        return packet;
    rest = tpa_mem_packet_split_first(packet);
    tpa_mem_packet_free(packet);
    return rest;
}

/* Chains the data behind the first fragment. False: it has too many segments for a packet. */
static bool join(struct tpa_ip_worker *worker, struct reassembly *reassembly)
{
    struct rte_mbuf *head = reassembly->first;
    struct rte_mbuf *packet = *next_of(head);

    *next_of(head) = NULL;
    while (packet != NULL) {
        struct rte_mbuf *next = *next_of(packet);

        packet = only_data(packet);
        if (tpa_mem_packet_chain(head, packet) != 0) {
            tpa_ip_drop(worker, reassembly->received.interface, packet,
                        TPA_BASE_DROP_NETDEV_SEGMENT_LIMIT);
            *next_of(head) = next;
            return false;
        }
        packet = next;
    }
    return true;
}

static int assemble(struct tpa_ip_worker *worker, struct reassembly *reassembly,
                    struct tpa_ip_datagram *datagram)
{
    struct rte_mbuf *head = reassembly->first;
    struct held first = *held_of(head);

    if (!merge_ecn(reassembly, &reassembly->received.traffic_class)) {
        evict(worker, reassembly, TPA_BASE_DROP_FRAGMENT_INCONSISTENT);
        return TPA_IP_TAKEN;
    }
    if (!tpa_ip_pull_up(head, first.transport) || !join(worker, reassembly)) {
        evict(worker, reassembly, TPA_BASE_DROP_NETDEV_SEGMENT_LIMIT);
        return TPA_IP_TAKEN;
    }
    if (datagram->ipv4)
        rewrite_ipv4(tpa_mem_packet_data(head) + first.network, first.transport - first.network,
                     reassembly);
    else
        rewrite_ipv6(head, &first, reassembly);

    datagram->packet = head;
    datagram->received = tpa_mem_packet_layer(head, struct tpa_ip_received);
    *datagram->received = reassembly->received;
    datagram->network = first.network;
    datagram->transport = first.transport;
    datagram->length = reassembly->total;
    datagram->protocol = first.protocol;
    datagram->protocol_at = first.protocol_at;
    datagram->reassembled = true;
    tpa_mem_packet_private(head)->arrival = worker->now;
    finish(worker, reassembly);
    return TPA_IP_CONTINUE;
}

static struct held describe(const struct tpa_ip_datagram *datagram,
                            const struct tpa_ip_fragment *fragment)
{
    return (struct held){
        .network = datagram->network,
        .transport = datagram->transport,
        .start = fragment->offset,
        .end = fragment->offset + datagram->length,
        .protocol_at = datagram->protocol_at,
        .protocol = datagram->protocol,
    };
}

/* What the datagram takes over from a fragment. */
static void note(struct reassembly *reassembly, const struct tpa_ip_received *received,
                 const struct held *held, bool more)
{
    uint32_t ip_length = held->transport - held->network + held->end - held->start;

    reassembly->ecn_seen |= (uint8_t)(1u << (received->traffic_class & TPA_IP_ECN_MASK));
    if (held->start == 0) {
        reassembly->received.traffic_class = received->traffic_class;
        reassembly->received.ttl = received->ttl;
    }
    if (ip_length > reassembly->received.largest_fragment)
        reassembly->received.largest_fragment = (uint16_t)ip_length;
    if (!more)
        reassembly->total = held->end;
}

int tpa_ip_fragment_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram,
                          const struct tpa_ip_fragment *fragment)
{
    struct tpa_ip_received received = *datagram->received;
    struct rte_mbuf *packet = datagram->packet;
    struct held held = describe(datagram, fragment);
    struct reassembly *reassembly;
    int verdict;

    if (datagram->group)
        return datagram->ipv4 ? TPA_BASE_DROP_IPV4_MULTICAST : TPA_BASE_DROP_IPV6_MULTICAST;
    verdict = check_fragment(worker, datagram, fragment);
    if (verdict != TPA_IP_CONTINUE)
        return verdict;
    reassembly = find(worker, datagram, fragment->identification);
    if (reassembly == NULL)
        reassembly = begin(worker, datagram, fragment->identification);
    if (reassembly == NULL)
        return TPA_BASE_DROP_FRAGMENT_LIMIT;
    if (reassembly->refused != 0)
        return reassembly->refused;
    if (!agrees_about_end(reassembly, &held, fragment->more))
        return refuse(worker, reassembly, TPA_BASE_DROP_FRAGMENT_INCONSISTENT);

    tpa_mem_packet_truncate(packet, held.transport + datagram->length);
    *held_of(packet) = held;
    verdict = insert(worker, reassembly, packet);
    if (verdict != TPA_IP_CONTINUE)
        return verdict;
    note(reassembly, &received, &held, fragment->more);
    if (reassembly->total == 0 || reassembly->gathered != reassembly->total)
        return TPA_IP_TAKEN;
    return assemble(worker, reassembly, datagram);
}

/* RFC 1122 section 3.3.2, RFC 8200 section 4.5: the source is told if the first fragment is there.
 */
static void complain_of_timeout(struct tpa_ip_worker *worker, struct reassembly *reassembly)
{
    struct tpa_ip_received received = reassembly->received;
    struct rte_mbuf *packet = reassembly->first;
    const struct held *held = packet != NULL ? held_of(packet) : NULL;
    struct tpa_ip_datagram datagram;

    if (held == NULL || held->start != 0)
        return;
    datagram = (struct tpa_ip_datagram){
        .packet = packet,
        .received = &received,
        .tables = tpa_ip_stack_tables(worker->stack),
        .network = held->network,
        .transport = held->transport,
        .length = held->end,
        .protocol = held->protocol,
        .ipv4 = tpa_base_address_is_ipv4(&received.source),
    };
    tpa_ip_icmp_error(
        worker, &datagram, datagram.ipv4 ? TPA_IP_ICMP_TIME_EXCEEDED : TPA_IP_ICMPV6_TIME_EXCEEDED,
        datagram.ipv4 ? TPA_IP_ICMP_CODE_REASSEMBLY : TPA_IP_ICMPV6_CODE_REASSEMBLY, 0);
}

void tpa_ip_reassembly_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer)
{
    struct reassembly *reassembly = TPA_BASE_CONTAINER_OF(timer, struct reassembly, timer);

    complain_of_timeout(worker, reassembly);
    evict(worker, reassembly, TPA_BASE_DROP_FRAGMENT_TIMEOUT);
}

int tpa_ip_reassembler_init(struct tpa_ip_worker *worker, const struct tpa_mem_chunk_source *chunks)
{
    struct tpa_ip_reassembler *reassembler = &worker->reassembler;

    reassembler->budget.limit = worker->stack->limits.fragments_memory;
    tpa_base_list_init(&reassembler->age);
    for (unsigned int i = 0; i < TPA_IP_REASSEMBLY_BUCKETS; i++)
        tpa_base_list_init(&reassembler->buckets[i]);
    return tpa_mem_slab_init(&reassembler->slab, chunks, sizeof(struct reassembly), 8,
                             TPA_IP_REASSEMBLIES_MAX);
}

void tpa_ip_reassembler_fini(struct tpa_ip_worker *worker)
{
    TPA_BASE_LIST_FOREACH_SAFE(node, following, &worker->reassembler.age)
    evict(worker, TPA_BASE_CONTAINER_OF(node, struct reassembly, age), TPA_BASE_DROP_SHUTDOWN);
    (void)tpa_mem_slab_destroy(&worker->reassembler.slab);
}
