#include "mld.h"

#include <tpa/base/cursor.h>

#include "icmpv6_frame.h"
#include "state.h"

#define REPORT_HEADER_LENGTH 8
#define QUERY_HOP_LIMIT      1

/* All MLDv2-capable routers. */
static const struct tpa_base_address routers = {.u8 = {0xff, 0x02, [15] = 0x16}};

static bool is_link_local_of(const struct tpa_ip_own_address *own, uint8_t interface)
{
    return own->interface == interface && !tpa_base_address_is_ipv4(&own->address) &&
           tpa_base_address_is_link_local(&own->address);
}

/* RFC 3810 section 5.2.13: a link-local address, or the unspecified one for want of it. */
static struct tpa_base_address report_source(const struct tpa_ip_tables *tables, uint8_t interface)
{
    for (uint16_t i = 0; i < tables->address_count; i++) {
        if (is_link_local_of(&tables->addresses[i], interface))
            return tables->addresses[i].address;
    }
    return (struct tpa_base_address){.u64 = {0, 0}};
}

/* A report of the solicited-node groups of some addresses. */
static void report(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                   uint8_t interface, uint8_t record_type,
                   const struct tpa_ip_own_address *const *addresses, uint16_t count)
{
    struct tpa_ip_icmpv6_frame frame = {
        .source = report_source(tables, interface),
        .destination = routers,
        .interface = interface,
        .hop_limit = QUERY_HOP_LIMIT,
        .router_alert = true,
        .length = (uint16_t)(REPORT_HEADER_LENGTH + count * TPA_IP_MLD_RECORD_LENGTH),
    };

    if (!tpa_ip_icmpv6_frame_begin(worker, tables, &frame))
        return;
    tpa_base_writer_u8(&frame.writer, TPA_IP_ICMPV6_MLD_REPORT_V2);
    tpa_base_writer_fill(&frame.writer, 0, 5);
    tpa_base_writer_be16(&frame.writer, count);
    for (uint16_t i = 0; i < count; i++) {
        struct tpa_base_address group = tpa_ip_solicited_node_group(&addresses[i]->address);

        tpa_base_writer_u8(&frame.writer, record_type);
        tpa_base_writer_fill(&frame.writer, 0, 3);
        tpa_base_writer_bytes(&frame.writer, group.u8, sizeof(group.u8));
    }
    tpa_ip_icmpv6_frame_send(worker, &frame);
}

void tpa_ip_mld_join(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                     const struct tpa_ip_own_address *own)
{
    report(worker, tables, own->interface, TPA_IP_MLD_CHANGE_TO_EXCLUDE, &own, 1);
}

/* RFC 3810 section 5.1.3: milliseconds, from 32768 on with an exponent. */
static uint64_t response_delay(uint16_t code)
{
    uint64_t milliseconds = code;

    if (code >= 0x8000)
        milliseconds = (uint64_t)((code & 0x0fff) | 0x1000) << (((code >> 12) & 7) + 3);
    return milliseconds * TPA_BASE_MILLISECOND;
}

int tpa_ip_mld_query(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram)
{
    const struct tpa_ip_received *received = datagram->received;
    uint8_t buffer[TPA_IP_MLD_QUERY_LENGTH];
    struct tpa_base_cursor cursor;
    struct tpa_base_address group;
    uint64_t delay;
    struct tpa_timer *timer;

    if (datagram->length < TPA_IP_MLD_QUERY_LENGTH || tpa_ip_is_loopback(datagram) ||
        received->ttl != QUERY_HOP_LIMIT || !tpa_base_address_is_link_local(&received->source))
        return TPA_BASE_DROP_ICMP_MALFORMED;
    cursor = tpa_base_cursor_make(
        tpa_mem_packet_read(datagram->packet, datagram->transport, sizeof(buffer), buffer),
        sizeof(buffer));
    tpa_base_cursor_skip(&cursor, 4);
    delay = response_delay(tpa_base_cursor_be16(&cursor));
    tpa_base_cursor_skip(&cursor, 2);
    tpa_base_cursor_copy(&cursor, &group, sizeof(group));
    if (!tpa_base_address_is_unspecified(&group) &&
        !tpa_ip_tables_in_solicited_group(datagram->tables, received->interface, &group))
        return TPA_BASE_DROP_ICMP_UNWANTED;

    timer = &worker->mld_reports[received->interface].timer;
    if (!tpa_timer_is_armed(timer))
        tpa_timer_arm(&worker->wheel, timer,
                      worker->now + tpa_base_random_below(worker->random, delay + 1));
    return TPA_BASE_DROP_ICMP_CONSUMED;
}

void tpa_ip_mld_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer)
{
    const struct tpa_ip_tables *tables = tpa_ip_stack_tables(worker->stack);
    uint8_t interface = (uint8_t)(timer - worker->mld_reports);
    const struct tpa_ip_own_address *addresses[TPA_IP_MLD_RECORDS_MAX];
    uint16_t count = 0;

    for (uint16_t i = 0; i < tables->address_count; i++) {
        const struct tpa_ip_own_address *own = &tables->addresses[i];

        if (own->interface != interface || tpa_base_address_is_ipv4(&own->address))
            continue;
        addresses[count++] = own;
        if (count == TPA_IP_MLD_RECORDS_MAX) {
            report(worker, tables, interface, TPA_IP_MLD_MODE_IS_EXCLUDE, addresses, count);
            count = 0;
        }
    }
    if (count > 0)
        report(worker, tables, interface, TPA_IP_MLD_MODE_IS_EXCLUDE, addresses, count);
}
