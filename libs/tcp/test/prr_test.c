/* Proportional Rate Reduction: RFC 6937, RFC 9937. */
#include <criterion/criterion.h>

#include "prr.h"
#include "round_trip.h"

#define MSS 1000u

/* Sends all there is room for, in whole segments; returns how many. */
static unsigned int send_what_fits(struct tpa_tcp_prr *prr)
{
    unsigned int count = prr->room / MSS;

    tpa_tcp_prr_sent(prr, count * MSS);
    return count;
}

/* RFC 6937 section 3, the first part: while the flight is above ssthresh each ACK lets its share
 * go. Half of twenty: one for every second, but that the first ACK lets the second's go. */
Test(prr, halves_evenly)
{
    struct tpa_tcp_prr prr;
    unsigned int sent = 0;
    uint32_t pipe = 19 * MSS;

    tpa_tcp_prr_begin(&prr, 20 * MSS, 10 * MSS);
    for (unsigned int ack = 1; ack <= 15; ack++) {
        pipe -= MSS;
        tpa_tcp_prr_acknowledged(&prr, MSS, pipe, 10 * MSS, MSS, false);
        sent = send_what_fits(&prr);
        cr_assert_eq(sent, ack == 1 || (ack % 2 == 0 && ack > 2), "ACK %u", ack);
        pipe += sent * MSS;
    }
    cr_assert_eq(pipe, 11 * MSS, "the flight is at ssthresh with the next");
}

/* CUBIC's 0.7, of which fixed point can't be exact: nothing is lost by rounding. */
Test(prr, keeps_any_share)
{
    struct tpa_tcp_prr prr;
    uint32_t pipe = 99 * MSS;

    tpa_tcp_prr_begin(&prr, 100 * MSS, 70 * MSS);
    for (unsigned int ack = 1; pipe > 71 * MSS; ack++) {
        pipe -= MSS;
        tpa_tcp_prr_acknowledged(&prr, MSS, pipe, 70 * MSS, MSS, false);
        pipe += send_what_fits(&prr) * MSS;
        cr_assert_geq(prr.out + MSS, (uint64_t)prr.delivered * 70 / 100);
        cr_assert_leq(prr.out, (uint64_t)prr.delivered * 70 / 100 + MSS);
    }
}

/* RFC 9937 section 6: below ssthresh what is delivered is replaced as long as more loss is found
 * (PRR-CRB); */
Test(prr, conserves_packets_while_losses_go_on)
{
    struct tpa_tcp_prr prr;

    tpa_tcp_prr_begin(&prr, 20 * MSS, 10 * MSS);
    tpa_tcp_prr_acknowledged(&prr, MSS, 4 * MSS, 10 * MSS, MSS, false);
    cr_assert_eq(send_what_fits(&prr), 1);
    tpa_tcp_prr_acknowledged(&prr, MSS, 4 * MSS, 10 * MSS, MSS, false);
    cr_assert_eq(send_what_fits(&prr), 1);
}

/* else one segment more for each ACK (PRR-SSRB), up to ssthresh. */
Test(prr, grows_back_to_ssthresh_when_all_is_well)
{
    struct tpa_tcp_prr prr;

    tpa_tcp_prr_begin(&prr, 20 * MSS, 10 * MSS);
    tpa_tcp_prr_acknowledged(&prr, MSS, 4 * MSS, 10 * MSS, MSS, true);
    cr_assert_eq(send_what_fits(&prr), 2);
    tpa_tcp_prr_acknowledged(&prr, MSS, 9 * MSS, 10 * MSS, MSS, true);
    cr_assert_eq(send_what_fits(&prr), 1);
    tpa_tcp_prr_acknowledged(&prr, MSS, 10 * MSS, 10 * MSS, MSS, true);
    cr_assert_eq(send_what_fits(&prr), 0);
}

/* "Force a fast retransmit upon entering recovery" */
Test(prr, first_retransmission_always_goes)
{
    struct tpa_tcp_prr prr;

    tpa_tcp_prr_begin(&prr, 20 * MSS, 2 * MSS);
    tpa_tcp_prr_acknowledged(&prr, 1, 19 * MSS, 2 * MSS, MSS, false);
    cr_assert_eq(send_what_fits(&prr), 1);
    tpa_tcp_prr_acknowledged(&prr, 1, 19 * MSS, 2 * MSS, MSS, false);
    cr_assert_eq(send_what_fits(&prr), 0);
}

/* A loss that the timer finds has no ACK to make room for its retransmission. */
Test(prr, loss_found_without_an_acknowledgement_makes_room)
{
    struct tpa_tcp_prr prr;

    tpa_tcp_prr_begin(&prr, 10 * MSS, 5 * MSS);
    tpa_tcp_prr_acknowledged(&prr, MSS, 5 * MSS, 5 * MSS, MSS, false);
    cr_assert_eq(send_what_fits(&prr), 1);
    tpa_tcp_prr_lost(&prr, 3 * MSS, 2 * MSS, 5 * MSS, MSS);
    cr_assert_eq(send_what_fits(&prr), 3);
    tpa_tcp_prr_lost(&prr, MSS, 9 * MSS, 5 * MSS, MSS);
    cr_assert_eq(send_what_fits(&prr), 1);
}

/* The sum never overflows, nor is anything divided by nothing. */
Test(prr, extremes)
{
    struct tpa_tcp_prr prr;

    tpa_tcp_prr_begin(&prr, 0, UINT32_MAX - 1);
    tpa_tcp_prr_acknowledged(&prr, 0, 0, UINT32_MAX - 1, MSS, true);
    cr_assert_eq(prr.room, MSS);
    tpa_tcp_prr_begin(&prr, UINT32_MAX, UINT32_MAX - 1);
    tpa_tcp_prr_acknowledged(&prr, 1u << 31, UINT32_MAX, UINT32_MAX - 1, MSS, true);
    cr_assert_leq(prr.room, 1u << 31);
}

/* In a connection: ten segments, the first is lost; while nine ACKs come four new ones go, and the
 * retransmission. */
WIRE_TEST(prr, paces_a_connections_recovery)
{
    unsigned int sent = 0;

    wire->options = WIRE_SACK;
    enter_with_round_trip(wire);
    send_segments(wire, 0, 10);
    wire_write(wire, 20 * SEGMENT);
    wire_wait(wire, ROUND_TRIP);
    for (int64_t i = 2; i <= 10; i++) {
        RECEIVE_SACK(0, 1, i);
        sent += wire_ignore(wire);
    }
    cr_assert_eq(counters_of(wire)->fast_retransmits, 1);
    cr_assert_eq(counters_of(wire)->retransmitted_segments, 1);
    cr_assert_leq(tpa_tcp_flight_pipe(&connection_of(wire)->flight),
                  connection_of(wire)->window.ssthresh);
    cr_assert_geq(sent, 5, "limited transmit lets two go before");
    cr_assert_leq(sent, 8);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = connection_of(wire)->flight.nxt - wire_seq(wire, 0));
    wire_ignore(wire);
    cr_assert_eq(connection_of(wire)->recovery, TPA_TCP_RECOVERY_NONE);
    cr_assert_leq(connection_of(wire)->window.cwnd, connection_of(wire)->window.ssthresh);
}
