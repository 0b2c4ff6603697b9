/* Requirements of RFC 9293 that no other test has a reason to show. */
#include <tpa/base/error.h>
#include <tpa/base/parse.h>

#include "wire.h"

/* MAY-8: and each probe is answered, for as long as it takes. */
WIRE_TEST(window, stays_closed_as_long_as_nobody_reads)
{
    wire->host.config.receive_buffer = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000, .zero_window = true);
    for (int minute = 0; minute < 120; minute++) {
        wire_wait(wire, 60 * SECONDS);
        RECEIVE(.seq = 1000, .length = 1);
        EXPECT(.ack = 1000, .zero_window = true);
    }
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    cr_assert_eq(wire_read(wire), 1000);
    EXPECT(.ack = 1000, .window = 1000);
}

/* MUST-66: its acknowledgement counts, and it is no reason to answer. */
WIRE_TEST(urgent, is_taken_with_a_closed_window)
{
    wire->host.config.receive_buffer = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 10);
    EXPECT(.length = 10);
    RECEIVE(.length = 1000);
    EXPECT(.seq = 10, .ack = 1000, .zero_window = true);
    RECEIVE(.flags = TPA_TCP_URG, .urgent = 5, .seq = 1000, .ack = 10);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    cr_assert_eq(wire->host.copied, 0, "what it acknowledges is complete");
}

static void use_ipv6(struct wire *wire)
{
    cr_assert_eq(tpa_base_address_parse("2001:db8::1", TPA_BASE_PARSE_NUL, &wire->host.tuple.local),
                 0);
    cr_assert_eq(
        tpa_base_address_parse("2001:db8::2", TPA_BASE_PARSE_NUL, &wire->host.tuple.remote), 0);
}

/* SHLD-5, MUST-15, MUST-67: its header is longer, its default larger. */
WIRE_TEST(mss, of_ipv6)
{
    use_ipv6(wire);
    wire->peer_mss = 0;
    wire_enter(wire, TPA_TCP_CLOSED);
    host_connect(&wire->host, wire->iss, wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1, .mss = HOST_MTU - 40 - 20);
    RECEIVE(.flags = TPA_TCP_SYN, .seq = -1);
    EXPECT();
    wire_write(wire, 1500);
    EXPECT(.length = 1220);
    EXPECT(.seq = 1220, .length = 280);
}

/* MUST-16, RFC 6691 section 2. */
WIRE_TEST(mss, effective_one_is_the_smaller_less_options)
{
    wire->options = WIRE_TIMESTAMPS;
    wire->peer_mss = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1000);
    EXPECT(.length = 988);
    EXPECT(.seq = 988, .length = 12);
}

WIRE_TEST(mss, effective_one_fits_the_path)
{
    wire->options = WIRE_TIMESTAMPS;
    wire->peer_mss = 9000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1460);
    EXPECT(.length = HOST_MTU - 40 - 12);
    EXPECT(.seq = HOST_MTU - 40 - 12, .length = 12);
}

/* What comes next has no options. */
static void expect_bare_header(const struct wire *wire)
{
    cr_assert_gt(wire->sent_count, 0);
    cr_assert_eq(wire->sent[wire->sent_first]->l4_len, 20);
}

/* MUST-65, MAY-3: the peer offers nothing, so all other options are out of the question. */
WIRE_TEST(mss, is_announced_in_syns_only)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .mss = 1460, .retransmission = true);
    RECEIVE(.length = 10);
    expect_bare_header(wire);
    EXPECT(.ack = 10);
    wire_write(wire, 10);
    expect_bare_header(wire);
    EXPECT(.ack = 10, .length = 10);
    tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    expect_bare_header(wire);
    EXPECT(.flags = TPA_TCP_FIN, .seq = 10, .ack = 10);
    tpa_tcp_abort(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    expect_bare_header(wire);
    EXPECT(.flags = TPA_TCP_RST, .seq = 11, .ack = 10);
}

/* SHLD-2: why it was sent, perhaps; nobody reads it. */
WIRE_TEST(reset, may_carry_text)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_RST, .length = 30);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ERROR | TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(wire_read(wire), TPA_ERESET);
}

/* MUST-49. */
WIRE_TEST(ttl, is_configured)
{
    wire->host.config.ttl = 9;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 10);
    cr_assert_eq(tpa_mem_packet_layer(wire->sent[wire->sent_first], struct tpa_tcp_transmit)->ttl,
                 9);
    EXPECT(.length = 10);
}
