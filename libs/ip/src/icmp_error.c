/* ICMP and ICMPv6 errors that we send (RFC 1122 section 3.2.2, RFC 4443 section 2.4). */
#include <tpa/base/checksum.h>
#include <tpa/base/cursor.h>

#include "icmp.h"
#include "ipv6.h"
#include "output.h"
#include "state.h"

/* The whole message, all headers included: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c). */
#define MESSAGE_MAX_IPV4 576
#define MESSAGE_MAX_IPV6 1280

/* Of a datagram's transport part, to see whether it is an error itself. */
#define LOOKED_AT 256

static bool is_icmp_error_type(uint8_t type)
{
    switch (type) {
    case TPA_IP_ICMP_ECHO_REPLY:
    case TPA_IP_ICMP_ECHO_REQUEST:
    case 13: /* timestamp and its reply */
    case 14:
        return false;
    default:
        return true;
    }
}

/* No errors about errors, or about what might be one. */
static bool is_about_error(const struct tpa_ip_worker *worker,
                           const struct tpa_ip_datagram *datagram)
{
    uint8_t buffer[LOOKED_AT];
    uint32_t length = TPA_BASE_MIN(datagram->length, sizeof(buffer));
    struct tpa_base_cursor cursor = tpa_base_cursor_make(
        tpa_mem_packet_read(datagram->packet, datagram->transport, length, buffer), length);
    uint8_t protocol = datagram->protocol;
    uint8_t type;

    if (!datagram->ipv4)
        protocol =
            tpa_ip_ipv6_skip_extensions(&cursor, protocol, worker->stack->limits.extension_headers);
    if (protocol != (datagram->ipv4 ? TPA_IP_PROTOCOL_ICMP : TPA_IP_PROTOCOL_ICMPV6))
        return false;
    type = tpa_base_cursor_u8(&cursor);
    if (!tpa_base_cursor_ok(&cursor))
        return true;
    return datagram->ipv4 ? is_icmp_error_type(type) : type < TPA_IP_ICMPV6_FIRST_INFORMATIONAL;
}

static bool is_allowed(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram)
{
    return !datagram->group && !tpa_base_address_is_unspecified(&datagram->received->source) &&
           !is_about_error(worker, datagram) &&
           tpa_ip_bucket_take(&worker->error_bucket, worker->now);
}

static uint32_t message_sum(const struct tpa_ip_datagram *datagram, const struct rte_mbuf *message)
{
    uint32_t length = tpa_mem_packet_length(message);
    uint32_t sum = 0;

    if (!datagram->ipv4)
        sum = tpa_base_checksum_pseudo_ipv6(datagram->received->destination.u8,
                                            datagram->received->source.u8, TPA_IP_PROTOCOL_ICMPV6,
                                            length);
    return tpa_mem_packet_checksum(message, 0, length, sum);
}

static uint8_t *write_header(struct rte_mbuf *message, uint8_t type, uint8_t code,
                             uint32_t parameter)
{
    uint8_t *header = tpa_mem_packet_prepend(message, TPA_IP_ICMP_LENGTH);
    struct tpa_base_writer writer;

    if (header == NULL)
        return NULL;
    writer = tpa_base_writer_make(header, TPA_IP_ICMP_LENGTH);
    tpa_base_writer_u8(&writer, type);
    tpa_base_writer_u8(&writer, code);
    tpa_base_writer_be16(&writer, 0);
    tpa_base_writer_be32(&writer, parameter);
    return header;
}

void tpa_ip_icmp_error(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                       uint8_t type, uint8_t code, uint32_t parameter)
{
    uint32_t room = (datagram->ipv4 ? MESSAGE_MAX_IPV4 - TPA_IP_IPV4_LENGTH
                                    : MESSAGE_MAX_IPV6 - TPA_IP_IPV6_LENGTH) -
                    TPA_IP_ICMP_LENGTH;
    uint32_t whole = datagram->transport - datagram->network + datagram->length;
    struct tpa_ip_send send = {
        .protocol = datagram->ipv4 ? TPA_IP_PROTOCOL_ICMP : TPA_IP_PROTOCOL_ICMPV6,
    };
    struct rte_mbuf *message;
    uint8_t *header;

    if (!is_allowed(worker, datagram))
        return;
    message = tpa_ip_copy_range(worker->pool, datagram->packet, datagram->network,
                                TPA_BASE_MIN(whole, room));
    if (message == NULL)
        return;
    header = write_header(message, type, code, parameter);
    if (header == NULL) {
        tpa_mem_packet_free(message);
        return;
    }
    tpa_base_store16(header + 2, tpa_base_checksum_finish(message_sum(datagram, message)));
    tpa_ip_message_output(worker, &datagram->received->destination, &datagram->received->source,
                          message, &send);
}
