#include "icmpv6_frame.h"

#include <string.h>

#include <tpa/base/checksum.h>

#include "ethernet.h"
#include "state.h"

#define ROUTER_ALERT_LENGTH 8

static void write_ipv6_header(struct tpa_base_writer *writer,
                              const struct tpa_ip_icmpv6_frame *frame)
{
    uint16_t extension = frame->router_alert ? ROUTER_ALERT_LENGTH : 0;

    tpa_base_writer_be32(writer, UINT32_C(0x60000000));
    tpa_base_writer_be16(writer, (uint16_t)(frame->length + extension));
    tpa_base_writer_u8(writer,
                       frame->router_alert ? TPA_IP_PROTOCOL_HOP_BY_HOP : TPA_IP_PROTOCOL_ICMPV6);
    tpa_base_writer_u8(writer, frame->hop_limit);
    tpa_base_writer_bytes(writer, frame->source.u8, 16);
    tpa_base_writer_bytes(writer, frame->destination.u8, 16);
}

/* RFC 2711 with value 0, MLD; padded to 8 bytes. */
static void write_router_alert(struct tpa_base_writer *writer)
{
    static const uint8_t header[ROUTER_ALERT_LENGTH] = {
        TPA_IP_PROTOCOL_ICMPV6, 0, TPA_IP_IPV6_OPTION_ROUTER_ALERT, 2, 0, 0, 1, 0};

    tpa_base_writer_bytes(writer, header, sizeof(header));
}

bool tpa_ip_icmpv6_frame_begin(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                               struct tpa_ip_icmpv6_frame *frame)
{
    uint16_t extension = frame->router_alert ? ROUTER_ALERT_LENGTH : 0;
    uint8_t group_mac[6] = {0x33, 0x33}; /* RFC 2464 section 7 */
    struct tpa_base_writer writer;

    memcpy(&group_mac[2], &frame->destination.u8[12], 4);
    frame->packet = tpa_ip_ethernet_frame(
        worker, &tables->interfaces[frame->interface], frame->mac != NULL ? frame->mac : group_mac,
        TPA_IP_ETHERTYPE_IPV6, (uint16_t)(TPA_IP_IPV6_LENGTH + extension + frame->length), &writer);
    if (frame->packet == NULL)
        return false;
    write_ipv6_header(&writer, frame);
    if (frame->router_alert)
        write_router_alert(&writer);
    frame->writer =
        tpa_base_writer_make(tpa_base_writer_reserve(&writer, frame->length), frame->length);
    return true;
}

void tpa_ip_icmpv6_frame_send(struct tpa_ip_worker *worker, struct tpa_ip_icmpv6_frame *frame)
{
    uint32_t sum = tpa_base_checksum_pseudo_ipv6(frame->source.u8, frame->destination.u8,
                                                 TPA_IP_PROTOCOL_ICMPV6, frame->length);

    sum = tpa_base_checksum_partial(frame->writer.start, frame->length, sum);
    tpa_base_store16(frame->writer.start + 2, tpa_base_checksum_finish(sum));
    tpa_ip_enqueue(worker, frame->interface, frame->packet);
}
