/* Echo replies of both families (RFC 1122 section 3.2.2.6, RFC 4443 section 4.2). */
#include <tpa/base/checksum.h>

#include "icmp.h"
#include "output.h"
#include "state.h"

/* Type and code are one word of the checksum. */
static void set_type(uint8_t *message, uint8_t type)
{
    uint16_t before = tpa_base_load16(message);

    message[0] = type;
    tpa_base_store16(message + 2, tpa_base_checksum_update16(tpa_base_load16(message + 2), before,
                                                             tpa_base_load16(message)));
}

int tpa_ip_echo_reply(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                      uint8_t type)
{
    const struct tpa_ip_received *received = datagram->received;
    struct tpa_ip_send send = {
        .traffic_class = (uint8_t)(received->traffic_class & ~TPA_IP_ECN_MASK),
        .protocol = datagram->protocol,
    };
    struct rte_mbuf *reply;

    if (!tpa_ip_bucket_take(&worker->echo_bucket, worker->now))
        return TPA_BASE_DROP_ICMP_RATE_LIMITED;
    reply =
        tpa_ip_copy_range(worker->pool, datagram->packet, datagram->transport, datagram->length);
    if (reply == NULL)
        return TPA_BASE_DROP_NETDEV_NO_BUFFER;
    /* Source and destination change places, which leaves ICMPv6's sum as it is. */
    set_type(tpa_mem_packet_data(reply), type);
    tpa_ip_message_output(worker, &received->destination, &received->source, reply, &send);
    return TPA_BASE_DROP_ICMP_CONSUMED;
}
