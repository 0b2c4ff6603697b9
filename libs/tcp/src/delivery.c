#include "delivery.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

/* The cost of a byte has so many bits behind the point. */
#define COST_SHIFT 20

int tpa_tcp_delivery_attach(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_congestion *congestion, uint64_t now)
{
    struct tpa_tcp_delivery *delivery;

    if (!tpa_tcp_delivery_is_needed(congestion)) {
        tpa_tcp_delivery_detach(worker, connection);
        return 0;
    }
    if (connection->delivery != NULL)
        return 0;
    delivery = tpa_mem_slab_alloc(&worker->deliveries);
    if (delivery == NULL)
        return TPA_ENOMEM;
    memset(delivery, 0, offsetof(struct tpa_tcp_delivery, log));
    delivery->delivered_time = delivery->first_sent = now;
    delivery->highest = delivery->una = connection->flight.una;
    connection->delivery = delivery;
    return 0;
}

void tpa_tcp_delivery_detach(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    /* Nothing else would bring it back. */
    if (connection->delivery != NULL && connection->delivery->is_waiting)
        tpa_tcp_schedule(worker, connection);
    tpa_tcp_delivery_drop(worker, connection);
}

void tpa_tcp_delivery_drop(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    if (connection->delivery == NULL)
        return;
    tpa_mem_slab_free(&worker->deliveries, connection->delivery);
    connection->delivery = NULL;
}

static struct tpa_tcp_delivery_snapshot *snapshot_at(struct tpa_tcp_delivery *delivery,
                                                     unsigned int index)
{
    return &delivery->log[(delivery->first + index) % TPA_TCP_DELIVERY_SNAPSHOTS];
}

/* What is acknowledged is of no use; then each second one goes. `spacing`: of those in the log. */
static void make_room(struct tpa_tcp_delivery *delivery, uint32_t una, uint64_t spacing)
{
    unsigned int kept = 0;

    while (delivery->count > 1 && tpa_base_seq_leq(snapshot_at(delivery, 1)->start, una)) {
        delivery->first = (uint8_t)((delivery->first + 1) % TPA_TCP_DELIVERY_SNAPSHOTS);
        delivery->count--;
    }
    if (delivery->count < TPA_TCP_DELIVERY_SNAPSHOTS / 4)
        delivery->spacing = 0;
    if (delivery->count < TPA_TCP_DELIVERY_SNAPSHOTS)
        return;
    delivery->spacing = 2 * spacing;
    for (unsigned int i = 0; i < delivery->count; i += 2)
        *snapshot_at(delivery, kept++) = *snapshot_at(delivery, i);
    delivery->count = (uint8_t)kept;
}

static uint32_t units_since(uint64_t then, uint64_t now)
{
    uint64_t units = now > then ? (now - then) >> TPA_TCP_DELIVERY_TIME_SHIFT : 0;

    return (uint32_t)TPA_BASE_MIN(units, (uint64_t)INT32_MAX);
}

static void take_snapshot(struct tpa_tcp_delivery *delivery, uint32_t start, uint64_t now)
{
    *snapshot_at(delivery, delivery->count++) = (struct tpa_tcp_delivery_snapshot){
        .sent = now,
        .start = start,
        .delivered = (uint32_t)delivery->delivered,
        .lost = (uint32_t)delivery->lost,
        .since_delivered = units_since(delivery->delivered_time, now),
        .since_first = units_since(delivery->first_sent, now) & INT32_MAX,
        .is_app_limited = delivery->app_limited != 0,
    };
}

/* OnPacketSent() of the draft. */
void tpa_tcp_delivery_sent(struct tpa_tcp_connection *connection, uint32_t start, uint32_t length,
                           uint64_t now)
{
    struct tpa_tcp_delivery *delivery = connection->delivery;
    uint64_t spacing = (uint64_t)tpa_tcp_rtt_smoothed(&connection->rtt) * 1000 / 32;
    struct tpa_tcp_delivery_snapshot *last;

    if (tpa_tcp_outstanding(connection) == length) {
        delivery->first_sent = delivery->delivered_time = now;
        delivery->highest = delivery->una = start;
        delivery->count = 0;
        delivery->spacing = 0;
    }
    spacing = TPA_BASE_MAX(spacing, delivery->spacing);
    last = delivery->count != 0 ? snapshot_at(delivery, delivery->count - 1u) : NULL;
    if (last == NULL || now - last->sent > spacing) {
        if (delivery->count == TPA_TCP_DELIVERY_SNAPSHOTS)
            make_room(delivery, connection->flight.una, spacing);
        take_snapshot(delivery, start, now);
    }
    snapshot_at(delivery, delivery->count - 1u)->in_flight =
        tpa_tcp_flight_pipe(&connection->flight);
}

void tpa_tcp_delivery_ran_out(struct tpa_tcp_connection *connection)
{
    struct tpa_tcp_delivery *delivery = connection->delivery;

    delivery->app_limited = delivery->delivered + tpa_tcp_flight_pipe(&connection->flight);
    if (delivery->app_limited == 0)
        delivery->app_limited = 1;
}

void tpa_tcp_delivery_lost(struct tpa_tcp_connection *connection, uint32_t bytes)
{
    connection->delivery->lost += bytes;
}

/* That holds the byte before `end`; NULL if it is unknown. */
static const struct tpa_tcp_delivery_snapshot *find(struct tpa_tcp_delivery *delivery, uint32_t end)
{
    unsigned int low = 0, high = delivery->count;

    if (high == 0 || tpa_base_seq_geq(snapshot_at(delivery, 0)->start, end))
        return NULL;
    while (high - low > 1) {
        unsigned int middle = (low + high) / 2;

        if (tpa_base_seq_lt(snapshot_at(delivery, middle)->start, end))
            low = middle;
        else
            high = middle;
    }
    return snapshot_at(delivery, low);
}

static uint64_t units_before(uint64_t now, uint32_t units)
{
    return now - ((uint64_t)units << TPA_TCP_DELIVERY_TIME_SHIFT);
}

/* GenerateRateSample(): the slower of the rates of sending and of acknowledgement. */
static void fill_rate(const struct tpa_tcp_delivery *delivery,
                      const struct tpa_tcp_delivery_snapshot *snapshot,
                      struct tpa_tcp_rate_sample *sample, uint64_t min_rtt, uint64_t now)
{
    uint64_t send_time = (uint64_t)snapshot->since_first << TPA_TCP_DELIVERY_TIME_SHIFT;
    uint64_t ack_time = now - units_before(snapshot->sent, snapshot->since_delivered);

    sample->interval = TPA_BASE_MAX(send_time, ack_time);
    sample->delivered = (uint32_t)delivery->delivered - snapshot->delivered;
    if (sample->interval < min_rtt || sample->interval == 0)
        return;
    sample->delivery_rate = (uint64_t)sample->delivered * SECOND / sample->interval;
}

/* What was lost now: as it was when the first of it was sent. */
static void fill_loss(struct tpa_tcp_connection *connection, struct tpa_tcp_rate_sample *sample)
{
    struct tpa_tcp_delivery *delivery = connection->delivery;
    const struct tpa_tcp_delivery_snapshot *snapshot = NULL;
    uint32_t start, length;

    sample->newly_lost = (uint32_t)(delivery->lost - delivery->noted_lost);
    delivery->noted_lost = delivery->lost;
    if (sample->newly_lost == 0)
        return;
    if (tpa_tcp_flight_next_lost(&connection->flight, 1, &start, &length))
        snapshot = find(delivery, start + 1);
    if (snapshot == NULL)
        return;
    sample->loss_tx_in_flight = snapshot->in_flight;
    sample->loss_lost = (uint32_t)delivery->lost - snapshot->lost;
    sample->loss_is_app_limited = snapshot->is_app_limited;
}

/* C.delivered, from what is acknowledged and SACKed: what a time-out made the flight forget isn't
 * delivered twice. Returns the bytes that are new. */
static uint32_t count_delivered(struct tpa_tcp_delivery *delivery,
                                const struct tpa_tcp_flight *flight, uint64_t now)
{
    uint64_t before = delivery->delivered;

    delivery->acknowledged += flight->una - delivery->una;
    delivery->una = flight->una;
    delivery->delivered = TPA_BASE_MAX(before, delivery->acknowledged + flight->sacked);
    if (delivery->delivered != before)
        delivery->delivered_time = now;
    return (uint32_t)(delivery->delivered - before);
}

void tpa_tcp_delivery_acknowledged(struct tpa_tcp_connection *connection,
                                   struct tpa_tcp_rate_sample *sample, uint64_t now)
{
    struct tpa_tcp_delivery *delivery = connection->delivery;
    const struct tpa_tcp_flight *flight = &connection->flight;
    const struct tpa_tcp_delivery_snapshot *snapshot;
    uint64_t min_rtt =
        connection->rtt.minimum != UINT32_MAX ? (uint64_t)connection->rtt.minimum * 1000 : 0;

    uint32_t newly_delivered = count_delivered(delivery, flight, now);

    if (delivery->delivered > delivery->app_limited)
        delivery->app_limited = 0;
    delivery->highest = tpa_base_seq_max(delivery->highest, tpa_tcp_flight_highest_sacked(flight));
    *sample = (struct tpa_tcp_rate_sample){
        .total_delivered = delivery->delivered,
        .prior_delivered = delivery->delivered,
        .newly_delivered = newly_delivered,
        .in_flight = tpa_tcp_flight_pipe(flight),
        .is_selective = (connection->flags & TPA_TCP_USES_SACK) != 0,
    };
    fill_loss(connection, sample);
    snapshot = find(delivery, delivery->highest);
    if (snapshot == NULL)
        return;
    fill_rate(delivery, snapshot, sample, min_rtt, now);
    sample->prior_delivered = delivery->delivered - sample->delivered;
    sample->tx_in_flight = snapshot->in_flight;
    sample->lost = (uint32_t)delivery->lost - snapshot->lost;
    sample->is_app_limited = snapshot->is_app_limited;
    delivery->first_sent = snapshot->sent;
}

static void set_rate(struct tpa_tcp_delivery *delivery, uint64_t rate, uint32_t mss)
{
    uint64_t quantum = rate >> TPA_TCP_PACING_QUANTUM_SHIFT;

    delivery->pacing_rate = rate;
    if (rate == 0)
        return;
    quantum = TPA_BASE_MIN(quantum, (uint64_t)TPA_TCP_PACING_QUANTUM_MAX);
    delivery->quantum = TPA_BASE_MAX((uint32_t)quantum, 2 * mss);
    delivery->cost = (SECOND << COST_SHIFT) / TPA_BASE_MAX(rate, (uint64_t)TPA_TCP_PACING_RATE_MIN);
    delivery->quantum_time = (delivery->quantum * delivery->cost) >> COST_SHIFT;
}

bool tpa_tcp_pacing_holds(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now)
{
    struct tpa_tcp_delivery *delivery = connection->delivery;
    uint64_t rate = tpa_tcp_window_pacing_rate(&connection->window);

    if (rate != delivery->pacing_rate)
        set_rate(delivery, rate, connection->window.mss);
    delivery->is_waiting = rate != 0 && delivery->release >= now + delivery->quantum_time;
    if (!delivery->is_waiting)
        return false;
    tpa_tcp_arm(worker, connection, delivery->release);
    return true;
}

void tpa_tcp_pacing_sent(struct tpa_tcp_connection *connection, uint32_t bytes, uint64_t now)
{
    struct tpa_tcp_delivery *delivery = connection->delivery;

    if (delivery->pacing_rate == 0)
        return;
    if (delivery->release + delivery->quantum_time < now)
        delivery->release = now - delivery->quantum_time;
    delivery->release += (bytes * delivery->cost) >> COST_SHIFT;
}

void tpa_tcp_pacing_expired(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            uint64_t now)
{
    struct tpa_tcp_delivery *delivery = connection->delivery;

    if (!delivery->is_waiting)
        return;
    if (delivery->release > now) {
        tpa_tcp_arm(worker, connection, delivery->release);
        return;
    }
    delivery->is_waiting = false;
    tpa_tcp_schedule(worker, connection);
}
