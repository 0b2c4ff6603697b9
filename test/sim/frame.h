/*
 * A frame on its way, as the wire has it, and what nodes read and write of it. Frames come from
 * malloc: what is on the wires takes no packets from the stacks' pools.
 */
#ifndef SIM_FRAME_H
#define SIM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

struct sim_frame {
    struct sim_frame *next;
    uint64_t due;    /* ns: when it arrives at the end of the pipe */
    uint64_t queued; /* ns: when it began to wait for the rate */
    uint32_t length; /* bytes, Ethernet header included */
    uint8_t bytes[];
};

/* NULL: no memory. */
struct sim_frame *sim_frame_new(uint32_t length);
struct sim_frame *sim_frame_copy(const struct sim_frame *frame);
void sim_frame_free(struct sim_frame *frame);

/* First in, first out; or by due time. All zero is empty. */
struct sim_frames {
    struct sim_frame *first, *last;
    uint32_t count;
    uint64_t bytes;
};

void sim_frames_push(struct sim_frames *frames, struct sim_frame *frame);
/* Behind all that are due at the same time or before. */
void sim_frames_insert(struct sim_frames *frames, struct sim_frame *frame);
struct sim_frame *sim_frames_pop(struct sim_frames *frames);
void sim_frames_clear(struct sim_frames *frames);

/* What a node has to know of a frame; `ip` false: it is no IP, nothing else is set. */
struct sim_view {
    bool ip, ipv6, tcp;
    bool fragmentable;    /* IPv4 without DF */
    uint8_t ecn;          /* the two bits of the traffic class */
    uint16_t length;      /* bytes of the IP packet */
    uint16_t tcp_offset;  /* of the TCP header, from the frame's beginning */
    uint16_t tcp_payload; /* bytes */
    uint8_t tcp_flags;
};

void sim_frame_view(const struct sim_frame *frame, struct sim_view *view);

/* RFC 3168: ECT becomes CE; the IPv4 header's checksum follows. The frame must be IP and ECT. */
void sim_frame_mark(struct sim_frame *frame);

static inline bool sim_view_is_ect(const struct sim_view *view)
{
    return view->ip && view->ecn != 0;
}

/*
 * What a router tells the sender of a packet that is longer than `mtu` (RFC 1191, RFC 8201): the
 * frame for the way back. NULL: no memory, or the packet is one of which no error is told.
 */
struct sim_frame *sim_frame_too_big(const struct sim_frame *frame, uint16_t mtu);

#endif
