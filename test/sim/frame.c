#include "frame.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/checksum.h>
#include <tpa/base/cursor.h>

enum {
    ETHERNET = 14,
    ETHERTYPE = 12,
    MAC = 6,
    IPV4 = 20,
    IPV6 = 40,
    ICMP = 8,
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_ICMPV6 = 58,
    ECN_MASK = 3,
    DF = 0x4000,
    QUOTE = 128, /* bytes of the packet that an error quotes: headers with all options */
};

struct sim_frame *sim_frame_new(uint32_t length)
{
    struct sim_frame *frame = malloc(sizeof(*frame) + length);

    if (frame == NULL)
        return NULL;
    memset(frame, 0, sizeof(*frame));
    frame->length = length;
    return frame;
}

struct sim_frame *sim_frame_copy(const struct sim_frame *frame)
{
    struct sim_frame *copy = sim_frame_new(frame->length);

    if (copy != NULL)
        memcpy(copy->bytes, frame->bytes, frame->length);
    return copy;
}

void sim_frame_free(struct sim_frame *frame)
{
    free(frame);
}

void sim_frames_push(struct sim_frames *frames, struct sim_frame *frame)
{
    frame->next = NULL;
    if (frames->first == NULL)
        frames->first = frame;
    else
        frames->last->next = frame;
    frames->last = frame;
    frames->count++;
    frames->bytes += frame->length;
}

void sim_frames_insert(struct sim_frames *frames, struct sim_frame *frame)
{
    struct sim_frame **place = &frames->first;

    if (frames->first == NULL || frames->last->due <= frame->due) {
        sim_frames_push(frames, frame);
        return;
    }
    while ((*place)->due <= frame->due)
        place = &(*place)->next;
    frame->next = *place;
    *place = frame;
    frames->count++;
    frames->bytes += frame->length;
}

struct sim_frame *sim_frames_pop(struct sim_frames *frames)
{
    struct sim_frame *frame = frames->first;

    if (frame == NULL)
        return NULL;
    frames->first = frame->next;
    frames->count--;
    frames->bytes -= frame->length;
    return frame;
}

void sim_frames_clear(struct sim_frames *frames)
{
    struct sim_frame *frame;

    while ((frame = sim_frames_pop(frames)) != NULL)
        sim_frame_free(frame);
}

/* ---- Reading ---- */

static uint8_t view_ipv4(struct tpa_base_cursor *cursor, struct sim_view *view)
{
    uint8_t header = (uint8_t)((tpa_base_cursor_u8(cursor) & 15) * 4);
    uint8_t protocol;

    view->ecn = tpa_base_cursor_u8(cursor) & ECN_MASK;
    view->length = tpa_base_cursor_be16(cursor);
    tpa_base_cursor_skip(cursor, 2);
    view->fragmentable = (tpa_base_cursor_be16(cursor) & DF) == 0;
    tpa_base_cursor_skip(cursor, 1);
    protocol = tpa_base_cursor_u8(cursor);
    tpa_base_cursor_skip(cursor, header - 10u);
    view->tcp_offset = (uint16_t)(ETHERNET + header);
    return protocol;
}

static uint8_t view_ipv6(struct tpa_base_cursor *cursor, struct sim_view *view)
{
    uint8_t protocol;

    view->ipv6 = true;
    view->ecn = tpa_base_cursor_be32(cursor) >> 20 & ECN_MASK;
    view->length = (uint16_t)(tpa_base_cursor_be16(cursor) + IPV6);
    protocol = tpa_base_cursor_u8(cursor);
    tpa_base_cursor_skip(cursor, 33);
    view->tcp_offset = ETHERNET + IPV6;
    return protocol;
}

static void view_tcp(struct tpa_base_cursor *cursor, struct sim_view *view)
{
    uint32_t headers;

    tpa_base_cursor_skip(cursor, 12);
    headers = view->tcp_offset - ETHERNET + (tpa_base_cursor_u8(cursor) >> 4) * 4u;
    view->tcp_flags = tpa_base_cursor_u8(cursor);
    view->tcp = tpa_base_cursor_ok(cursor) && view->length >= headers;
    view->tcp_payload = (uint16_t)(view->tcp ? view->length - headers : 0);
}

void sim_frame_view(const struct sim_frame *frame, struct sim_view *view)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(frame->bytes, frame->length);
    uint16_t type;
    uint8_t protocol;

    memset(view, 0, sizeof(*view));
    tpa_base_cursor_skip(&cursor, ETHERTYPE);
    type = tpa_base_cursor_be16(&cursor);
    if (type != 0x0800 && type != 0x86dd)
        return;
    protocol = type == 0x0800 ? view_ipv4(&cursor, view) : view_ipv6(&cursor, view);
    view->ip = tpa_base_cursor_ok(&cursor);
    if (view->ip && protocol == PROTOCOL_TCP)
        view_tcp(&cursor, view);
}

void sim_frame_mark(struct sim_frame *frame)
{
    uint8_t *ip = frame->bytes + ETHERNET;
    uint16_t before = tpa_base_load16(ip);

    if (ip[0] >> 4 == 6) {
        ip[1] |= ECN_MASK << 4;
        return;
    }
    ip[1] |= ECN_MASK;
    tpa_base_store16(
        ip + 10, tpa_base_checksum_update16(tpa_base_load16(ip + 10), before, tpa_base_load16(ip)));
}

/* ---- Packet too big ---- */

/* 192.0.2.1 tells the packet's source (RFC 792, RFC 1191 section 4). */
static void write_ipv4(uint8_t *ip, const uint8_t *packet, uint32_t quote, uint16_t mtu)
{
    uint8_t *icmp = ip + IPV4;

    memset(ip, 0, IPV4 + ICMP);
    ip[0] = 0x45;
    tpa_base_store_be16(ip + 2, (uint16_t)(IPV4 + ICMP + quote));
    ip[8] = 64;
    ip[9] = PROTOCOL_ICMP;
    tpa_base_store_be32(ip + 12, 0xc0000201);
    memcpy(ip + 16, packet + 12, 4);
    tpa_base_store16(ip + 10, tpa_base_checksum_finish(tpa_base_checksum_partial(ip, IPV4, 0)));
    icmp[0] = 3; /* destination unreachable, */
    icmp[1] = 4; /*   fragmentation needed */
    tpa_base_store_be16(icmp + 6, mtu);
    memcpy(icmp + ICMP, packet, quote);
    tpa_base_store16(icmp + 2,
                     tpa_base_checksum_finish(tpa_base_checksum_partial(icmp, ICMP + quote, 0)));
}

/* 2001:db8::1 tells the packet's source (RFC 4443 section 3.2). */
static void write_ipv6(uint8_t *ip, const uint8_t *packet, uint32_t quote, uint16_t mtu)
{
    static const uint8_t router[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    uint8_t *icmp = ip + IPV6;
    uint32_t sum;

    memset(ip, 0, IPV6 + ICMP);
    ip[0] = 0x60;
    tpa_base_store_be16(ip + 4, (uint16_t)(ICMP + quote));
    ip[6] = PROTOCOL_ICMPV6;
    ip[7] = 64;
    memcpy(ip + 8, router, 16);
    memcpy(ip + 24, packet + 8, 16);
    icmp[0] = 2; /* packet too big */
    tpa_base_store_be32(icmp + 4, mtu);
    memcpy(icmp + ICMP, packet, quote);
    sum = tpa_base_checksum_pseudo_ipv6(ip + 8, ip + 24, PROTOCOL_ICMPV6, ICMP + quote);
    tpa_base_store16(icmp + 2,
                     tpa_base_checksum_finish(tpa_base_checksum_partial(icmp, ICMP + quote, sum)));
}

struct sim_frame *sim_frame_too_big(const struct sim_frame *frame, uint16_t mtu)
{
    const uint8_t *packet = frame->bytes + ETHERNET;
    struct sim_frame *error;
    struct sim_view view;
    uint32_t quote;

    sim_frame_view(frame, &view);
    if (!view.tcp) /* others than TCP's are not as long here; errors beget no errors */
        return NULL;
    quote = view.length < QUOTE ? view.length : QUOTE;
    error = sim_frame_new(ETHERNET + (view.ipv6 ? IPV6 : IPV4) + ICMP + quote);
    if (error == NULL)
        return NULL;
    memcpy(error->bytes, frame->bytes + MAC, MAC);
    memcpy(error->bytes + MAC, frame->bytes, MAC);
    memcpy(error->bytes + ETHERTYPE, frame->bytes + ETHERTYPE, ETHERNET - ETHERTYPE);
    if (view.ipv6)
        write_ipv6(error->bytes + ETHERNET, packet, quote, mtu);
    else
        write_ipv4(error->bytes + ETHERNET, packet, quote, mtu);
    return error;
}
