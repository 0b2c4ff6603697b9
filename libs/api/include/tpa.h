/*
 * tpa: a userspace TCP/IP stack on DPDK. The public API, source-compatible with programs written
 * for libtpa.
 *
 * Model: shared nothing, run to completion. A program calls tpa_init() once, then tpa_worker_init()
 * once in each of its worker threads, and drives each worker by calling tpa_worker_run() over and
 * over. A sock belongs to the worker in whose thread it was opened or accepted, and every call on
 * it is made in that thread; a call from another thread fails with EINVAL.
 *
 * Errors: -1 and errno, as said at each call. Socks are small integers (sid >= 0), the smallest
 * free one each time.
 */
#ifndef TPA_H
#define TPA_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A worker: the whole stack for one thread. Opaque. */
struct tpa_worker;

/* ---- Addresses ---- */

/* IPv6, or IPv4 as a v4-mapped IPv6 address (RFC 4291, 2.5.5.2); network order. */
struct tpa_ip {
    union {
        uint8_t u8[16];
        uint32_t u32[4];
        uint64_t u64[2];
    };
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TPA_IP_V4_MAPPED_PREFIX 0xffff0000u
#else
#define TPA_IP_V4_MAPPED_PREFIX 0x0000ffffu
#endif

/* Non-zero when `ip` is a v4-mapped address. */
static inline int tpa_ip_is_ipv4(const struct tpa_ip *ip)
{
    return ip->u64[0] == 0 && ip->u32[2] == TPA_IP_V4_MAPPED_PREFIX;
}

/* Sets `ip` to an IPv4 address given in network order. */
static inline void tpa_ip_set_ipv4(struct tpa_ip *ip, uint32_t ipv4)
{
    ip->u64[0] = 0;
    ip->u32[2] = TPA_IP_V4_MAPPED_PREFIX;
    ip->u32[3] = ipv4;
}

/* The IPv4 address in network order; `ip` must be a v4-mapped address. */
static inline uint32_t tpa_ip_get_ipv4(const struct tpa_ip *ip)
{
    return ip->u32[3];
}

/* Sets `ip` to the 16 bytes at `ipv6`, network order. */
static inline void tpa_ip_set_ipv6(struct tpa_ip *ip, const uint8_t *ipv6)
{
    memcpy(ip->u8, ipv6, 16);
}

/* Reads an IPv4 or IPv6 literal into `ip`. Returns `ip`; NULL when `str` is neither. */
static inline struct tpa_ip *tpa_ip_from_str(struct tpa_ip *ip, const char *str)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (str == NULL)
        return NULL;
    if (inet_pton(AF_INET, str, &ipv4) == 1) {
        tpa_ip_set_ipv4(ip, ipv4.s_addr);
        return ip;
    }
    if (inet_pton(AF_INET6, str, &ipv6) == 1) {
        tpa_ip_set_ipv6(ip, ipv6.s6_addr);
        return ip;
    }
    return NULL;
}

/* Writes the literal of `ip` into `buf` of `size` bytes (INET6_ADDRSTRLEN is enough for each).
 * Returns `buf`; NULL with errno ENOSPC when it is too small. */
static inline char *tpa_ip_to_str(const struct tpa_ip *ip, char *buf, size_t size)
{
    const void *address = tpa_ip_is_ipv4(ip) ? (const void *)&ip->u32[3] : (const void *)ip->u8;

    return (char *)(uintptr_t)inet_ntop(tpa_ip_is_ipv4(ip) ? AF_INET : AF_INET6, address, buf,
                                        (socklen_t)size);
}

/* ---- Start and workers ---- */

/*
 * First call of all: reads the configuration (tpa.cfg and $TPA_CFG), brings up DPDK and the ports,
 * for `nr_worker` workers. 0; -1, and one line on stderr says what failed and what to do.
 */
int tpa_init(int nr_worker);

/* Once in each worker's own thread. NULL on a second call in one thread (errno EEXIST), past
 * nr_worker (ENOSPC), before tpa_init (EINVAL), or without memory (ENOMEM). */
struct tpa_worker *tpa_worker_init(void);

/* One step: input, timers, output, deferred closes; completion callbacks run here. In another
 * thread than the worker's, or for NULL, nothing happens (errno EINVAL). */
void tpa_worker_run(struct tpa_worker *worker);

/* ---- Connections ---- */

/* Options of a new sock; all zero is the default. The layout is fixed: 128 bytes. */
struct tpa_sock_opts {
    /* Of a listener. 0: its connections go to the worker that called tpa_listen_on; 1: they are
     * spread over all workers. */
    uint64_t listen_scaling : 1;
    uint64_t bits_reserved : 63;

    /* Of a listener: handed back by tpa_sock_info_get for each connection it accepted. */
    void *data;

    /* Of tpa_connect_to: the local port in host order; 0 = the stack chooses (RFC 6056). */
    uint16_t local_port;

    /* The congestion control of the connection, or of those that a listener accepts; read during
     * the call. NULL = as configured. */
    const char *congestion;

    uint8_t reserved[128 - 26];
} __attribute__((packed));

/*
 * Starts to open a connection, without waiting: OUT says that it is established, ERR that it
 * failed. `server`: IPv4 or IPv6 literal; 127.0.0.1 and ::1 mean this stack itself. `port`: host
 * order. `opts`: NULL or options (local_port, congestion). The sid; -1: EINVAL (bad literal,
 * unspecified address, port 0, family not configured, no such control), ENFILE (no free sock, or
 * not a worker's thread), EADDRINUSE (port taken, range exhausted), EBUSY (steering refused),
 * ENETUNREACH (no route), ENOMEM.
 */
int tpa_connect_to(const char *server, uint16_t port, const struct tpa_sock_opts *opts);

/*
 * Listens at a port (host order). `local`: NULL = both families at any address of the stack; a
 * literal = that address (0.0.0.0 and :: = any address of that family). `opts`: NULL or options
 * (listen_scaling, data, congestion). The sid; -1: EINVAL (port 0, bad literal, address not ours,
 * no such control), EADDRINUSE,
 * ENFILE (no free sock, or not a worker's thread), EBUSY, ENOMEM.
 */
int tpa_listen_on(const char *local, uint16_t port, const struct tpa_sock_opts *opts);

/* Up to `nr_sid` connections established for this worker into `sid`; also those the peer has
 * already half-closed. Count, 0 if none. Never blocks. */
int tpa_accept_burst(struct tpa_worker *worker, int *sid, int nr_sid);

struct tpa_sock_info {
    struct tpa_worker *worker;
    void *data; /* of the listener */
    struct tpa_ip local_ip;
    struct tpa_ip remote_ip;
    uint16_t local_port;  /* network order */
    uint16_t remote_port; /* network order */
    uint8_t reserved[76];
};

/* Fills `info`. 0; -1: EINVAL. */
int tpa_sock_info_get(int sid, struct tpa_sock_info *info);

/*
 * Exchanges the congestion control of a living connection; its window stays. `name` as the option
 * tcp.congestion takes it. 0; -1: EINVAL (sid, no such control), EBADF (closed by us), ENOMEM (the
 * old one goes on).
 */
int tpa_sock_congestion_set(int sid, const char *name);

/*
 * Closes, without waiting: queued data goes out, then FIN; unread received data turns that into
 * RST. No event comes for it afterwards, completion callbacks still do; the sid is reused later. A
 * bad sid: errno EINVAL.
 */
void tpa_close(int sid);

/* ---- Data ---- */

struct tpa_iovec {
    void *iov_base;
    /* Of a write: 0 = copy; 1 = read in place, address for devices unknown to the program; else
     * that address. Of a read: never 0. */
    uint64_t iov_phys;
    uint32_t iov_len; /* bytes */
    uint32_t iov_reserved;
    void *iov_param;
    union {
        void (*iov_read_done)(void *iov_base, void *iov_param);
        void (*iov_write_done)(void *iov_base, void *iov_param);
    };
};

/*
 * Takes received data without copying it: the stack fills every field of each iov, one for each
 * contiguous piece. A buffer stays valid until iov_read_done(iov_base, iov_param), to be called
 * exactly once for each in the worker's thread; at least one byte behind it may be written. Bytes >
 * 0; 0 = end of stream; -1: EAGAIN, EINVAL (sid, iov, nr_iov), EBADF (closed by us), ENOTCONN,
 * ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH.
 */
ssize_t tpa_zreadv(int sid, struct tpa_iovec *iov, int nr_iov);

/*
 * Sends all iovs or none. iov_write_done (may be NULL) runs from tpa_worker_run once the data is
 * acknowledged or the connection is gone; until then the buffer must stay as it is, unless iov_phys
 * is 0 (copied; the callback still runs). Buffers with iov_phys 1 must lie in memory that the stack
 * knows (tpa_memsegs_get, tpa_extmem_register) . Bytes; -1: EAGAIN (can't take all of it now; OUT
 * fires later), EINVAL (sid, iov, length 0, memory not registered), EBADF, ENOTCONN (not yet
 * established), EPIPE, or the connection's error; then the program still owns every iov. 0 iovs =
 * 0.
 */
ssize_t tpa_zwritev(int sid, const struct tpa_iovec *iov, int nr_iov);

/* Sends a copy of all `count` bytes or nothing. As tpa_zwritev, but EPIPE for a bad sid. */
ssize_t tpa_write(int sid, const void *buf, size_t count);

/* ---- Events ---- */

#define TPA_EVENT_IN  0x1
#define TPA_EVENT_OUT 0x4
#define TPA_EVENT_ERR 0x8
#define TPA_EVENT_HUP 0x10

#define TPA_EVENT_CTRL_ADD 1
#define TPA_EVENT_CTRL_DEL 2
#define TPA_EVENT_CTRL_MOD 3

struct tpa_event {
    uint32_t events;
    void *data;
};

/*
 * Adds, changes or removes interest in a sock. ERR and HUP are always on. What is ready already
 * fires again on ADD and MOD. `event` may be NULL for DEL. 0; -1: EINVAL (sid, op, event; a
 * listener; ADD twice, MOD or DEL without ADD).
 */
int tpa_event_ctrl(int sid, int op, struct tpa_event *event);

/* Events since the last call, edge-triggered, at most `max`. Count; never blocks. */
int tpa_event_poll(struct tpa_worker *worker, struct tpa_event *events, int max);

/* ---- Memory ---- */

struct tpa_memseg {
    void *virt_addr;
    uint64_t phys_addr;
    size_t size;      /* bytes */
    size_t page_size; /* bytes */
};

/* The memory that can be sent without a copy: DPDK's and what was registered, ended by an all-zero
 * entry; valid until the next registration. NULL before tpa_init. */
struct tpa_memseg *tpa_memsegs_get(void);

/*
 * Registers the program's own memory. `phys_addrs`: one address for devices a page, or NULL. 0; -1:
 * EINVAL (alignment, sizes that do not agree, before tpa_init), EEXIST (overlaps), ENOSPC, EIO.
 */
int tpa_extmem_register(void *virt_addr, size_t len, uint64_t *phys_addrs, int nr_page,
                        size_t page_size);

/* Its inverse. 0; -1: ENOENT (not exactly what was registered), EBUSY (a write still refers to it),
 * EINVAL. */
int tpa_extmem_unregister(void *virt_addr, size_t len);

#ifdef __cplusplus
}
#endif

#endif
