#include "frames.h"

#include <assert.h>
#include <string.h>

static void put16(uint8_t *to, unsigned int value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value & 0xffff);
}

static unsigned int get16(const uint8_t *from)
{
    return (unsigned int)from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)get16(from) << 16 | get16(from + 2);
}

static void build_ethernet(const struct frame_template *template, struct frame *frame)
{
    uint8_t *to = frame->bytes;

    memcpy(to, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01", 12);
    frame->l2 = 14;
    if (template->vlan) {
        put16(to + 12, 0x8100);
        put16(to + 14, 0x2005);
        frame->l2 = 18;
    }
    put16(to + frame->l2 - 2, template->ipv6 ? 0x86dd : 0x0800);
}

static void build_ipv4(const struct frame_template *template, struct frame *frame, uint32_t length)
{
    uint8_t *to = frame->bytes + frame->l2;

    frame->l3 = (uint16_t)(20 + template->ip_options);
    to[0] = (uint8_t)(0x40 | frame->l3 / 4);
    put16(to + 2, frame->l3 + length);
    put16(to + 4, template->identification);
    put16(to + 6, 0x4000);
    to[8] = 64;
    to[9] = template->udp ? 17 : 6;
    put16(to + 10, 0xdead);
    memcpy(to + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
    memset(to + 20, 1, template->ip_options); /* no-operation */
}

static void build_ipv6(const struct frame_template *template, struct frame *frame, uint32_t length)
{
    uint8_t *to = frame->bytes + frame->l2;
    uint8_t protocol = template->udp ? 17 : 6;

    frame->l3 = (uint16_t)(40 + template->ip_options);
    to[0] = 0x60;
    put16(to + 4, template->ip_options + length);
    to[6] = template->ip_options > 0 ? 60 : protocol; /* destination options */
    to[7] = 64;
    memcpy(to + 8, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 32);
    if (template->ip_options > 0) {
        to[40] = protocol;
        to[41] = (uint8_t)(template->ip_options / 8 - 1);
        to[42] = 1; /* PadN */
        to[43] = (uint8_t)(template->ip_options - 4);
    }
}

static void build_tcp(const struct frame_template *template, struct frame *frame)
{
    uint8_t *to = frame->bytes + frame->l2 + frame->l3;

    put16(to, template->source_port != 0 ? template->source_port : 1000);
    put16(to + 2, 80);
    put32(to + 4, template->sequence);
    put32(to + 8, 0x11223344);
    to[12] = (uint8_t)(frame->l4 / 4 << 4);
    to[13] = template->tcp_flags;
    put16(to + 14, 0xfff0);
    put16(to + 16, 0xbeef);
    memset(to + 20, 1, template->tcp_options);
}

static void build_udp(const struct frame_template *template, struct frame *frame)
{
    uint8_t *to = frame->bytes + frame->l2 + frame->l3;

    put16(to, template->source_port != 0 ? template->source_port : 1000);
    put16(to + 2, 53);
    put16(to + 4, 8 + template->payload);
    put16(to + 6, 0xbeef);
}

void frame_build(const struct frame_template *template, struct frame *frame)
{
    uint64_t state = template->seed * 2862933555777941757u + 3037000493u;

    memset(frame->bytes, 0, 200);
    frame->ipv6 = template->ipv6;
    frame->udp = template->udp;
    frame->l4 = template->udp ? 8 : (uint16_t)(20 + template->tcp_options);
    build_ethernet(template, frame);
    if (template->ipv6)
        build_ipv6(template, frame, frame->l4 + template->payload);
    else
        build_ipv4(template, frame, frame->l4 + template->payload);
    if (template->udp)
        build_udp(template, frame);
    else
        build_tcp(template, frame);
    frame->length = frame_headers(frame) + template->payload;
    assert(frame->length <= FRAME_MAX);
    for (uint32_t i = frame_headers(frame); i < frame->length; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        frame->bytes[i] = (uint8_t)(state >> 56);
    }
}

uint16_t reference_checksum(const uint8_t *bytes, size_t length, uint32_t pseudo_sum)
{
    uint64_t sum = pseudo_sum;

    for (size_t i = 0; i + 1 < length; i += 2)
        sum += get16(bytes + i);
    if (length % 2 != 0)
        sum += (uint64_t)bytes[length - 1] << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint32_t pseudo_sum(const struct frame *frame)
{
    const uint8_t *ip = frame->bytes + frame->l2;
    const uint8_t *addresses = ip + (frame->ipv6 ? 8 : 12);
    size_t count = frame->ipv6 ? 32 : 8;
    uint32_t sum = (frame->udp ? 17 : 6) + (frame->length - frame->l2 - frame->l3);

    for (size_t i = 0; i < count; i += 2)
        sum += get16(addresses + i);
    return sum;
}

static uint16_t transport_checksum(const struct frame *frame)
{
    uint32_t offset = (uint32_t)frame->l2 + frame->l3;

    return reference_checksum(frame->bytes + offset, frame->length - offset, pseudo_sum(frame));
}

void reference_fill_checksums(struct frame *frame)
{
    uint8_t *ip = frame->bytes + frame->l2;
    uint8_t *field = ip + frame->l3 + (frame->udp ? 6 : 16);
    uint16_t checksum;

    if (!frame->ipv6) {
        put16(ip + 10, 0);
        put16(ip + 10, reference_checksum(ip, frame->l3, 0));
    }
    put16(field, 0);
    checksum = transport_checksum(frame);
    put16(field, frame->udp && checksum == 0 ? 0xffff : checksum);
}

bool reference_checksums_right(const struct frame *frame)
{
    if (!frame->ipv6 && reference_checksum(frame->bytes + frame->l2, frame->l3, 0) != 0)
        return false;
    return transport_checksum(frame) == 0;
}

unsigned int reference_segment(const struct frame *frame, uint32_t mss,
                               void (*check)(const struct frame *piece, unsigned int index,
                                             void *context),
                               void *context)
{
    static struct frame piece;
    uint32_t headers = frame_headers(frame);
    uint32_t offset = 0;
    unsigned int index = 0;

    do {
        uint32_t left = frame->length - headers - offset;
        uint32_t part = left < mss ? left : mss;
        uint8_t *ip = piece.bytes + frame->l2;
        uint8_t *tcp = ip + frame->l3;

        piece = *frame;
        piece.length = headers + part;
        memcpy(piece.bytes + headers, frame->bytes + headers + offset, part);
        if (frame->ipv6) {
            put16(ip + 4, frame->l3 - 40 + frame->l4 + part);
        } else {
            put16(ip + 2, frame->l3 + frame->l4 + part);
            put16(ip + 4, (get16(ip + 4) + index) & 0xffff);
        }
        put32(tcp + 4, get32(tcp + 4) + offset);
        if (offset != 0)
            tcp[13] &= (uint8_t)~TCP_CWR;
        if (left > mss)
            tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        reference_fill_checksums(&piece);
        check(&piece, index, context);
        index++;
        offset += part;
    } while (headers + offset < frame->length);
    return index;
}

static struct rte_mbuf *segment_alloc(struct tpa_mem_pool *pool)
{
    struct rte_mbuf *segment = tpa_mem_packet_alloc(pool);

    assert(segment != NULL); /* the test's pool is too small */
    return segment;
}

static uint32_t append(struct rte_mbuf *packet, const uint8_t *from, uint32_t length)
{
    uint32_t part = rte_pktmbuf_tailroom(rte_pktmbuf_lastseg(packet));

    if (part > length)
        part = length;
    memcpy(rte_pktmbuf_append(packet, (uint16_t)part), from, part);
    return part;
}

struct rte_mbuf *frame_packet(const struct frame *frame, struct tpa_mem_pool *pool, uint32_t first,
                              const uint32_t *sizes)
{
    struct rte_mbuf *packet = segment_alloc(pool);
    uint32_t done = frame_headers(frame) + first;
    size_t next = 0;
    uint32_t head;

    if (done > frame->length)
        done = frame->length;
    head = append(packet, frame->bytes, done);
    assert(head == done);
    while (done < frame->length) {
        uint32_t want = frame->length - done;
        struct rte_mbuf *segment = segment_alloc(pool);

        if (sizes != NULL && sizes[0] != 0) {
            if (sizes[next] == 0)
                next = 0;
            want = sizes[next] < want ? sizes[next] : want;
            next++;
        }
        done += append(segment, frame->bytes + done, want);
        tpa_mem_packet_chain(packet, segment);
    }
    packet->ol_flags |= frame->ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
    packet->l2_len = frame->l2;
    packet->l3_len = frame->l3;
    packet->l4_len = frame->l4;
    return packet;
}

void packet_flatten(const struct rte_mbuf *packet, struct frame *frame)
{
    frame->length = 0;
    for (; packet != NULL; packet = packet->next) {
        assert(frame->length + packet->data_len <= FRAME_MAX);
        memcpy(frame->bytes + frame->length, rte_pktmbuf_mtod(packet, void *), packet->data_len);
        frame->length += packet->data_len;
    }
}

void packet_request(struct rte_mbuf *packet, const struct frame *frame, uint16_t mss)
{
    if (!frame->ipv6)
        packet->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    packet->ol_flags |= frame->udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
    if (mss != 0) {
        packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
        packet->tso_segsz = mss;
    }
}
