/*
 * How fast data is delivered, and when it may be sent: delivery-rate samples
 * (draft-cheng-iccrg-delivery-rate-estimation, section 4.1 of draft-ietf-ccwg-bbr) and pacing. Only
 * connections have this whose congestion control asks for it.
 *
 * What the draft keeps for each packet is kept here in a log of what was sent for the first time,
 * apart by 1/32 of a round trip at least. So a sample may begin a little before its packet was
 * sent: it is still what was delivered in its time, over a slightly longer one. The log is bounded:
 * when it is full, each second entry goes, and from then on entries are twice as far apart.
 *
 * Pacing is by the timer wheel: a connection that is ahead of its rate leaves the output list, and
 * its timer brings it back. It is never more than a quantum ahead and makes up for a quantum that
 * it was late; both together bound its bursts.
 */
#ifndef TPA_TCP_DELIVERY_H
#define TPA_TCP_DELIVERY_H

#include "machine.h"

#define TPA_TCP_DELIVERY_SNAPSHOTS 64

/* Units of the differences of time in the log: 64 ns, up to 137 s. */
#define TPA_TCP_DELIVERY_TIME_SHIFT 6

/* A quantum is what goes in 2^-10 s, about a millisecond, within two segments and this. */
#define TPA_TCP_PACING_QUANTUM_SHIFT 10
#define TPA_TCP_PACING_QUANTUM_MAX   65536
/* Bytes per second: slower is taken as this. */
#define TPA_TCP_PACING_RATE_MIN 128

struct tpa_tcp_delivery_snapshot {
    uint64_t sent;             /*  0: ns: when the first of it was sent */
    uint32_t start;            /*  8: sequence number; ends where the next one starts */
    uint32_t delivered;        /* 12: low bits of the sums then */
    uint32_t lost;             /* 16 */
    uint32_t in_flight;        /* 20: bytes in flight when the last of it had been sent */
    uint32_t since_delivered;  /* 24: time from the last delivery to `sent` */
    uint32_t since_first : 31; /* 28: time from the sending of what was delivered then */
    uint32_t is_app_limited : 1;
};

_Static_assert(sizeof(struct tpa_tcp_delivery_snapshot) == 32, "two in a cache line");

struct tpa_tcp_delivery {
    uint64_t release;        /*  0: ns: when what was sent will have gone at the pacing rate */
    uint64_t pacing_rate;    /*  8: bytes per second that these two belong to; 0 = not paced */
    uint64_t cost;           /* 16: of a byte: 2^-20 ns */
    uint64_t quantum_time;   /* 24: ns */
    uint64_t delivered;      /* 32: sums over the connection's life */
    uint64_t lost;           /* 40 */
    uint64_t delivered_time; /* 48: ns: of the last delivery */
    uint64_t first_sent;     /* 56: ns: when was sent what was delivered then */
    uint64_t app_limited;    /* 64: the sum `delivered` that ends a phase in which the application
                                limited the rate; 0 = it is in none */
    uint64_t noted_lost;     /* 72: `lost` at the last sample */
    uint32_t quantum;        /* 80: bytes */
    uint32_t highest;        /* 84: sequence number behind the highest byte delivered */
    uint64_t acknowledged;   /* 88: bytes, up to */
    uint32_t una;            /* 96:   this sequence number */
    uint8_t first;           /* 100: the log is a ring */
    uint8_t count;           /* 101 */
    bool is_waiting;         /* 102: there is something to send at `release` */
    uint8_t reserved;
    uint64_t spacing; /* 104: ns: between entries, should a 32nd of a round trip be too little */
    struct tpa_tcp_delivery_snapshot log[TPA_TCP_DELIVERY_SNAPSHOTS]; /* 112 */
};

static inline bool tpa_tcp_delivery_is_needed(const struct tpa_tcp_congestion *congestion)
{
    return congestion->rate_samples || congestion->pacing_rate != NULL;
}

/* Gives a connection what `congestion` needs, or takes away what it doesn't. 0; TPA_ENOMEM, nothing
 * done. */
int tpa_tcp_delivery_attach(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_congestion *congestion, uint64_t now);
/* Takes it away, also where there is none; what waited is to be sent. */
void tpa_tcp_delivery_detach(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection);
/* The same at the end of a connection. */
void tpa_tcp_delivery_drop(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection);

/* The functions below: only where connection->delivery isn't NULL. */

/* `length` bytes from `start` on, which end the flight now, were sent for the first time. */
void tpa_tcp_delivery_sent(struct tpa_tcp_connection *connection, uint32_t start, uint32_t length,
                           uint64_t now);

/* The last output sent all there was, and might have sent more. */
void tpa_tcp_delivery_ran_out(struct tpa_tcp_connection *connection);

/* `bytes` were found lost. */
void tpa_tcp_delivery_lost(struct tpa_tcp_connection *connection, uint32_t bytes);

/* An acknowledgement was taken in. */
void tpa_tcp_delivery_acknowledged(struct tpa_tcp_connection *connection,
                                   struct tpa_tcp_rate_sample *sample, uint64_t now);

/* True: it is ahead of its rate; the timer will bring it back. */
bool tpa_tcp_pacing_holds(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now);

/* A packet with so many bytes goes out. */
void tpa_tcp_pacing_sent(struct tpa_tcp_connection *connection, uint32_t bytes, uint64_t now);

/* The connection's timer fired: to the output list if that is due, else the timer is set again. */
void tpa_tcp_pacing_expired(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            uint64_t now);

/* Bytes that a packet of a paced connection may have. */
static inline uint32_t tpa_tcp_pacing_packet_max(const struct tpa_tcp_connection *connection)
{
    const struct tpa_tcp_delivery *delivery = connection->delivery;

    return delivery != NULL && delivery->pacing_rate != 0 ? delivery->quantum : UINT32_MAX;
}

#endif
