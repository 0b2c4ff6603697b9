#include "flow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libs/api/check/check.h"
#include "worker.h"

enum {
    PATTERN_PERIOD = 65521, /* a prime: what is misplaced by a power of two differs */
    WRITE_SIZE = 16384,
    WRITE_MAX = 65000,
    READ_IOVS = 64,
    ACCEPTS = 32,
    EVENTS = 64,
    RETRY = 10000000, /* ns until a connect that failed for want of memory is tried again */
};

/* ---- The streams' bytes ---- */

static uint8_t pattern[PATTERN_PERIOD + WRITE_MAX];

static void pattern_make(void)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 1);
    tpa_base_random_bytes(&random, pattern, PATTERN_PERIOD);
    memcpy(pattern + PATTERN_PERIOD, pattern, WRITE_MAX);
}

/* At least WRITE_MAX bytes of the stream that `side` writes, from `offset` on. */
static uint8_t *stream_at(const struct sim_side *side, uint64_t offset)
{
    return pattern + (offset + side->flow->index * 7919u + side->server * 104729u) % PATTERN_PERIOD;
}

/* ---- When sides act by time ---- */

static void due_set(struct sim_side *side, uint64_t due)
{
    struct sim_side **place = &side->host->due;

    if (side->queued)
        return;
    side->due = due;
    while (*place != NULL && (*place)->due <= due)
        place = &(*place)->due_next;
    side->due_next = *place;
    *place = side;
    side->queued = true;
}

uint64_t sim_flows_next(const struct sim_host *host)
{
    return host->due != NULL ? host->due->due : SIM_NEVER;
}

/* ---- Beginning and end ---- */

static struct sim_side *other_of(const struct sim_side *side)
{
    return &side->flow->sides[!side->server];
}

static uint64_t to_write(const struct sim_side *side)
{
    return side->flow->plan.bytes[side->server];
}

static uint64_t to_read(const struct sim_side *side)
{
    return side->flow->plan.bytes[!side->server];
}

static void side_closed(struct sim_side *side)
{
    side->closed = true;
    side->sid = -1;
    if (other_of(side)->closed)
        side->host->sim->flows_open--;
}

static void side_close(struct sim_side *side)
{
    tpa_close(side->sid);
    side_closed(side);
}

static void side_fail(struct sim_side *side, int error)
{
    struct sim *sim = side->host->sim;

    SIM_MUST(sim, side->flow->plan.may_fail, "flow %u, the %s: %s after %llu and %llu bytes",
             side->flow->index, side->server ? "server" : "client", strerror(error),
             (unsigned long long)side->written, (unsigned long long)side->read);
    side->error = error;
    side_close(side);
    if (!side->server && other_of(side)->sid < 0 && !other_of(side)->closed)
        side_closed(other_of(side)); /* it was never opened there, or nobody will see it */
}

static void side_watch(struct sim_side *side)
{
    struct tpa_event event = {.events = TPA_EVENT_IN | TPA_EVENT_OUT, .data = side};

    SIM_MUST(side->host->sim, tpa_event_ctrl(side->sid, TPA_EVENT_CTRL_ADD, &event) == 0, " ");
}

static void address_of(const struct sim_host *host, bool ipv6, char text[INET6_ADDRSTRLEN])
{
    snprintf(text, INET6_ADDRSTRLEN, ipv6 ? "fd00::%x" : "10.0.0.%u", host->number);
}

static void side_connect(struct sim_side *side)
{
    struct sim_flow *flow = side->flow;
    struct sim *sim = side->host->sim;
    struct tpa_sock_info info;
    char address[INET6_ADDRSTRLEN];

    address_of(other_of(side)->host, flow->plan.ipv6, address);
    tpa_api_worker_enter(side->host->worker);
    side->sid = tpa_connect_to(address, SIM_PORT, NULL);
    if (side->sid < 0) {
        SIM_MUST(sim, flow->plan.may_fail && (errno == ENOMEM || errno == ENFILE),
                 "tpa_connect_to: %s", strerror(errno));
        due_set(side, sim->now + RETRY);
        return;
    }
    flow->started = sim->now;
    tpa_sock_info_get(side->sid, &info);
    flow->same_port = side->host->by_port[ntohs(info.local_port)];
    side->host->by_port[ntohs(info.local_port)] = flow;
    side_watch(side);
}

static struct sim_host *host_of(struct sim *sim, const struct tpa_ip *ip)
{
    unsigned int number = ip->u8[15];

    return number > 0 && number <= sim->host_count ? sim->hosts[number - 1] : NULL;
}

/* The newest one of that tuple. */
static struct sim_flow *flow_of(const struct sim_host *server, const struct tpa_sock_info *info)
{
    const struct sim_host *client = host_of(server->sim, &info->remote_ip);
    bool ipv6 = !tpa_ip_is_ipv4(&info->remote_ip);
    struct sim_flow *flow = client != NULL ? client->by_port[ntohs(info->remote_port)] : NULL;

    while (flow != NULL && (flow->plan.hosts[1] != server || flow->plan.ipv6 != ipv6))
        flow = flow->same_port;
    return flow;
}

static void accept_one(struct sim_host *host, int sid)
{
    struct tpa_sock_info info;
    struct sim_flow *flow;
    struct sim_side *side;

    tpa_sock_info_get(sid, &info);
    flow = flow_of(host, &info);
    SIM_MUST(host->sim, flow != NULL, "a connection that nobody opened");
    side = &flow->sides[1];
    if (side->closed || side->sid >= 0) { /* the client has given it up */
        tpa_close(sid);
        return;
    }
    side->sid = sid;
    side_watch(side);
}

static bool accept_all(struct sim_host *host)
{
    int sids[ACCEPTS];
    int count = tpa_accept_burst(host->worker, sids, ACCEPTS);

    for (int i = 0; i < count; i++)
        accept_one(host, sids[i]);
    return count > 0;
}

/* ---- Reading ---- */

static void bytes_take(struct sim_side *side, const struct tpa_iovec *iov)
{
    struct sim *sim = side->host->sim;

    SIM_MUST(sim, iov->iov_len <= WRITE_MAX, " ");
    SIM_MUST(sim, side->read + iov->iov_len <= to_read(side),
             "flow %u: the %s read more than was written", side->flow->index,
             side->server ? "server" : "client");
    SIM_MUST(sim, memcmp(iov->iov_base, stream_at(other_of(side), side->read), iov->iov_len) == 0,
             "flow %u: the %s read wrong bytes in [%llu, +%u)", side->flow->index,
             side->server ? "server" : "client", (unsigned long long)side->read, iov->iov_len);
    side->read += iov->iov_len;
    iov->iov_read_done(iov->iov_base, iov->iov_param);
}

static void note_done(struct sim_flow *flow)
{
    if (flow->done == 0 && flow->sides[0].read == flow->plan.bytes[1] &&
        flow->sides[1].read == flow->plan.bytes[0])
        flow->done = flow->sim->now;
}

/* One call of the API. True: it gave something. */
static bool read_once(struct sim_side *side)
{
    uint32_t wanted = side->flow->plan.read_size[side->server];
    struct tpa_iovec iov[READ_IOVS];
    ssize_t bytes;

    bytes = tpa_zreadv(side->sid, iov, wanted != 0 && wanted < READ_IOVS ? (int)wanted : READ_IOVS);
    if (bytes < 0) {
        side->readable = false;
        if (errno != EAGAIN && errno != ENOTCONN)
            side_fail(side, errno);
        return false;
    }
    if (bytes == 0) {
        SIM_MUST(side->host->sim, side->read == to_read(side) || side->flow->plan.may_fail,
                 "flow %u: the %s's stream ends after %llu of %llu bytes", side->flow->index,
                 side->server ? "server" : "client", (unsigned long long)side->read,
                 (unsigned long long)to_read(side));
        side->at_end = true;
        side->readable = false;
        return true;
    }
    for (int i = 0; bytes > 0; i++) {
        bytes -= iov[i].iov_len;
        bytes_take(side, &iov[i]);
    }
    note_done(side->flow);
    return true;
}

static bool read_some(struct sim_side *side)
{
    uint64_t interval = side->flow->plan.read_interval[side->server];
    uint64_t now = side->host->sim->now;
    bool any = false;

    while (side->sid >= 0 && side->readable && !side->at_end) {
        if (now < side->next_read) {
            due_set(side, side->next_read);
            return any;
        }
        if (!read_once(side))
            return any;
        any = true;
        if (interval != 0)
            side->next_read = now + interval;
    }
    return any;
}

/* ---- Writing ---- */

/* Bytes that may have been written by now, by what was read. */
static uint64_t allowed(const struct sim_side *side)
{
    const struct sim_flow_plan *plan = &side->flow->plan;
    uint64_t turns, most = to_write(side);

    switch (plan->pattern) {
    case SIM_HALF_CLOSE:
        return side->server && !side->at_end ? 0 : most;
    case SIM_REQUEST_RESPONSE:
    case SIM_WRITE_WRITE_READ:
        turns =
            side->server ? side->read / plan->write_size[0] : side->read / plan->write_size[1] + 1;
        turns *= plan->write_size[side->server];
        return turns < most ? turns : most;
    default:
        return most;
    }
}

static uint64_t piece_size(const struct sim_side *side)
{
    const struct sim_flow_plan *plan = &side->flow->plan;
    uint32_t size =
        plan->write_size[side->server] != 0 ? plan->write_size[side->server] : WRITE_SIZE;

    return plan->pattern == SIM_WRITE_WRITE_READ && !side->server ? (size + 1) / 2 : size;
}

static ssize_t write_piece(struct sim_side *side, uint32_t length)
{
    struct tpa_iovec iov = {
        .iov_base = stream_at(side, side->written),
        .iov_len = length,
        /* In place: the memory is always there, and no device here asks for its address. */
        .iov_phys = side->flow->plan.zero_copy[side->server] ? 2 : 0,
    };

    return tpa_zwritev(side->sid, &iov, 1);
}

static bool write_some(struct sim_side *side)
{
    uint64_t limit = allowed(side);
    bool any = false;

    while (side->sid >= 0 && side->writable && side->written < limit && !side->shut) {
        uint64_t left = limit - side->written, size = piece_size(side);
        ssize_t taken = write_piece(side, (uint32_t)(left < size ? left : size));

        if (taken < 0) {
            side->writable = false;
            if (errno != EAGAIN && errno != ENOTCONN)
                side_fail(side, errno);
            return any;
        }
        side->written += (uint64_t)taken;
        any = true;
    }
    return any;
}

static bool half_closes(const struct sim_side *side)
{
    return side->flow->plan.shutdown || side->flow->plan.pattern == SIM_HALF_CLOSE;
}

static void shut(struct sim_side *side)
{
    struct tpa_api_sock *sock = tpa_api_check_sock(side->host->worker, side->sid);

    SIM_MUST(side->host->sim, sock != NULL, "flow %u: sid %d of the %s is not a sock of host %u",
             side->flow->index, side->sid, side->server ? "server" : "client", side->host->number);
    if (tpa_tcp_shutdown(&side->host->worker->tcp, &sock->tcp, side->host->sim->now) != 0)
        return; /* not established yet */
    side->shut = true;
}

/* True: it did. */
static bool close_if_done(struct sim_side *side)
{
    bool first = side->server == side->flow->plan.server_closes_first;

    if (side->sid < 0 || side->written < to_write(side))
        return false;
    if (half_closes(side) && !side->shut) {
        shut(side);
        if (!side->at_end)
            return side->shut;
    }
    if (side->at_end || (first && !half_closes(side) && side->read == to_read(side))) {
        if (side->flow->established == 0)
            return false; /* nothing to do for a connection that has not come up */
        side_close(side);
        return true;
    }
    return false;
}

static bool act(struct sim_side *side)
{
    bool any = read_some(side);

    any |= write_some(side);
    any |= close_if_done(side);
    return any;
}

/* ---- A host's turn ---- */

static bool act_on_events(struct sim_host *host)
{
    struct tpa_event events[EVENTS];
    int count = tpa_event_poll(host->worker, events, EVENTS);

    for (int i = 0; i < count; i++) {
        struct sim_side *side = events[i].data;

        if (side->sid < 0)
            continue;
        if ((events[i].events & TPA_EVENT_OUT) != 0) {
            side->writable = true;
            if (side->flow->established == 0)
                side->flow->established = host->sim->now;
        }
        if ((events[i].events & (TPA_EVENT_IN | TPA_EVENT_ERR | TPA_EVENT_HUP)) != 0)
            side->readable = true;
        (void)act(side);
    }
    return count > 0;
}

static bool act_on_time(struct sim_host *host)
{
    bool any = false;

    while (host->due != NULL && host->due->due <= host->sim->now) {
        struct sim_side *side = host->due;

        host->due = side->due_next;
        side->queued = false;
        any = true;
        if (side->sid < 0 && !side->closed && !side->server)
            side_connect(side);
        else if (side->sid >= 0)
            (void)act(side);
    }
    return any;
}

bool sim_flows_act(struct sim_host *host)
{
    bool any = accept_all(host);

    any |= act_on_events(host);
    any |= act_on_time(host);
    return any;
}

struct sim_flow *sim_flow_add(struct sim *sim, const struct sim_flow_plan *plan)
{
    struct sim_flow *flow = &sim->flows[sim->flow_count];

    SIM_MUST(sim, sim->flow_count < sim->flow_max, "more flows than sim_begin was told of");
    if (pattern[0] == pattern[1] && pattern[1] == pattern[2])
        pattern_make();
    *flow = (struct sim_flow){.sim = sim, .index = sim->flow_count++, .plan = *plan};
    for (int i = 0; i < 2; i++)
        flow->sides[i] =
            (struct sim_side){.flow = flow, .host = plan->hosts[i], .sid = -1, .server = i == 1};
    sim->flows_open++;
    due_set(&flow->sides[0], sim->now + plan->start);
    if (plan->hosts[0]->wake > sim->now + plan->start)
        plan->hosts[0]->wake = sim->now + plan->start;
    return flow;
}

void sim_flow_stop(struct sim_flow *flow)
{
    for (int i = 0; i < 2; i++) {
        struct sim_side *side = &flow->sides[i];

        flow->plan.bytes[i] = side->written;
        if (!side->closed)
            due_set(side, flow->sim->now);
        if (side->host->wake > flow->sim->now)
            side->host->wake = flow->sim->now;
    }
    note_done(flow);
}

static void fail_unfinished(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->flow_count; i++) {
        const struct sim_flow *flow = &sim->flows[i];
        const struct sim_side *sides = flow->sides;

        if (sides[0].closed && sides[1].closed)
            continue;
        sim_fail(sim,
                 "flow %u has not ended: client wrote %llu/%llu, read %llu%s; server wrote "
                 "%llu/%llu, read %llu%s",
                 i, (unsigned long long)sides[0].written, (unsigned long long)flow->plan.bytes[0],
                 (unsigned long long)sides[0].read, sides[0].at_end ? " to the end" : "",
                 (unsigned long long)sides[1].written, (unsigned long long)flow->plan.bytes[1],
                 (unsigned long long)sides[1].read, sides[1].at_end ? " to the end" : "");
    }
}

void sim_run_flows(struct sim *sim, uint64_t duration)
{
    uint64_t end = sim->now + duration;

    while (sim->flows_open > 0 && sim_step(sim, end))
        ;
    if (sim->flows_open > 0)
        fail_unfinished(sim);
}
