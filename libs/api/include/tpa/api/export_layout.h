/*
 * What a running instance shows to the outside: the records of its export (<tpa/stats/export.h>).
 *
 * The instance named $TPA_ID (by default its program) writes the file "state" in the directory
 * $TPA_ROOT_PREFIX/$TPA_ID, and tools such as bin/tpa read it: while it runs, while it is stuck,
 * and after it died. Numbers are in the machine's byte order, times in nanoseconds of
 * CLOCK_MONOTONIC (or what the instance calls `now`), texts end with a NUL unless they fill their
 * field.
 *
 * Each record has one writer at a time and begins with a sequence number that is odd while the
 * record is being written: a reader that copies a record twice and finds the same even number in
 * both has the first copy whole.
 */
#ifndef TPA_API_EXPORT_LAYOUT_H
#define TPA_API_EXPORT_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_API_EXPORT_VERSION 1u /* of each region's layout */

/* Regions. Those without a struct here are described in libs/stats. */
#define TPA_API_EXPORT_REGION_WORKERS    "workers"
#define TPA_API_EXPORT_REGION_SOCKS      "socks"      /* the n-th record is sid n */
#define TPA_API_EXPORT_REGION_UNNUMBERED "unnumbered" /* connections without a sid, a sample */
#define TPA_API_EXPORT_REGION_MEMORY     "memory"
#define TPA_API_EXPORT_REGION_CONFIG     "config"
#define TPA_API_EXPORT_REGION_NEIGHBOURS "neighbours"
#define TPA_API_EXPORT_REGION_PORTS      "ports"
#define TPA_API_EXPORT_REGION_COUNTERS   "counters"      /* blocks of uint64_t, one a worker */
#define TPA_API_EXPORT_REGION_NAMES      "counter_names" /* struct tpa_stats_counter_record */
#define TPA_API_EXPORT_REGION_TRACES     "traces"        /* struct tpa_base_trace */

/*
 * How often records are refreshed. What changes a sock's state is shown at once; its numbers by a
 * round over all socks of a worker, some at a time.
 */
enum {
    TPA_API_EXPORT_INTERVAL = 1000000,            /* ns: worker records, counters, a few socks */
    TPA_API_EXPORT_SOCKS_PER_INTERVAL = 16,       /* refreshed: some 2 us of a millisecond */
    TPA_API_EXPORT_SOCKS_SCANNED = 256,           /* records looked at to find those */
    TPA_API_EXPORT_SLOW_INTERVAL = 100000000,     /* ns: memory, connections without a sid */
    TPA_API_EXPORT_SLOWEST_INTERVAL = 1000000000, /* ns: ports and neighbours, which ask others */
    TPA_API_EXPORT_CONTROL_INTERVAL = 10000000,   /* ns: requests in the mailbox */
};

/* Bounds of what is shown. */
enum {
    TPA_API_EXPORT_SOCKS_MAX = 1 << 18,       /* sids; 64 MB of file */
    TPA_API_EXPORT_UNNUMBERED_MAX = 64,       /* of each worker; their number is in its record */
    TPA_API_EXPORT_NEIGHBOURS_MAX = 1024,     /* the oldest of them */
    TPA_API_EXPORT_TRACE_BYTES_MAX = 1 << 28, /* of all rings */
};

struct tpa_api_export_worker {
    uint64_t sequence;    /*   0 */
    uint32_t index;       /*   8 */
    int32_t thread;       /*  12: kernel's thread id; 0 = not created yet */
    uint64_t last_step;   /*  16: time of its last step, up to TPA_API_EXPORT_INTERVAL old */
    uint64_t steps;       /*  24 */
    uint64_t packets_in;  /*  32 */
    uint64_t packets_out; /*  40 */
    uint64_t handed_off;  /*  48 */
    uint64_t handed_in;   /*  56 */
    uint64_t accepted;    /*  64 */
    uint64_t connected;   /*  72 */
    uint64_t socks;       /*  80: now, embryos included */
    uint64_t time_waits;  /*  88: now */
    uint64_t embryos;     /*  96: now, without a sid: opened by peers and not accepted; at most
                              TPA_API_EXPORT_UNNUMBERED_MAX are counted */
    uint64_t drops;       /* 104: packets dropped, without what was consumed on purpose */
    uint64_t reserved[2];
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_api_export_worker) == 128, "read by other processes");

enum tpa_api_export_sock_kind {
    TPA_API_EXPORT_FREE = 0,
    TPA_API_EXPORT_CONNECTION = 1,
    TPA_API_EXPORT_LISTENER = 2,
    TPA_API_EXPORT_EMBRYO = 3,    /* opened by a peer, not accepted yet; no sid */
    TPA_API_EXPORT_TIME_WAIT = 4, /* no sid any more */
};

enum tpa_api_export_sock_flag {
    TPA_API_EXPORT_SOCK_GIVEN_UP = 1 << 0, /* the program has closed it */
    TPA_API_EXPORT_SOCK_TIMESTAMPS = 1 << 1,
    TPA_API_EXPORT_SOCK_SACK = 1 << 2,
    TPA_API_EXPORT_SOCK_ANY_ADDRESS = 1 << 3, /* a listener of all addresses */
    TPA_API_EXPORT_SOCK_SCALING = 1 << 4,     /* a listener of all workers */
    TPA_API_EXPORT_SOCK_ECN = 1 << 5,
};

struct tpa_api_export_sock {
    uint64_t sequence;              /*   0 */
    uint8_t kind;                   /*   8: enum tpa_api_export_sock_kind */
    uint8_t state;                  /*   9: enum tpa_tcp_state */
    uint8_t flags;                  /*  10: enum tpa_api_export_sock_flag */
    uint8_t worker;                 /*  11 */
    int32_t sid;                    /*  12: -1 = none */
    struct tpa_base_address local;  /*  16 */
    struct tpa_base_address remote; /*  32 */
    uint16_t local_port;            /*  48: host order */
    uint16_t remote_port;           /*  50 */
    int32_t error;                  /*  52: enum tpa_error: why it ended */
    uint64_t opened;                /*  56: when it got its sid */
    uint64_t updated;               /*  64: when this record was written; TIME-WAIT: when it ends */
    uint32_t snd_una;               /*  72 */
    uint32_t snd_nxt;               /*  76 */
    uint32_t snd_wnd;               /*  80 */
    uint32_t rcv_nxt;               /*  84 */
    uint32_t rcv_wnd;               /*  88 */
    uint32_t cwnd;                  /*  92: bytes, as those that follow */
    uint32_t ssthresh;              /*  96 */
    uint32_t mss;                   /* 100 */
    uint32_t srtt;                  /* 104: us, as the next two */
    uint32_t rttvar;                /* 108 */
    uint32_t rto;                   /* 112 */
    uint32_t send_queued;           /* 116: bytes that are not acknowledged, sent or not */
    uint32_t receive_queued;   /* 120: bytes in order that the program has not taken; of a listener:
                                  connections that it has not accepted */
    uint32_t retransmissions;  /* 124: segments sent again */
    uint8_t send_window_scale; /* 128 */
    uint8_t receive_window_scale; /* 129 */
    uint16_t reserved;            /* 130 */
    uint32_t trace; /* 132: its ring in the region of traces, counted from 1; 0 = none */
    uint64_t reserved_too[3];
};

TPA_BASE_STATIC_ASSERT(offsetof(struct tpa_api_export_sock, trace) == 132, "no holes");
TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_api_export_sock) == 160, "read by other processes");

#define TPA_API_EXPORT_WORKER_NONE UINT32_MAX

struct tpa_api_export_memory {
    uint64_t sequence; /*  0 */
    char name[40];     /*  8: "packets", "receive budget", ...; empty: not used */
    char unit[12];     /* 48: what used and size count */
    uint32_t worker;   /* 60: whose; TPA_API_EXPORT_WORKER_NONE = of all */
    uint64_t used;     /* 64 */
    uint64_t size;     /* 72: how much there is; 0 = no bound */
    uint64_t bytes;    /* 80: of memory that it holds, used or not; 0 = not known */
    uint64_t reserved;
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_api_export_memory) == 96, "read by other processes");

struct tpa_api_export_option {
    uint64_t sequence; /*   0 */
    char name[64];     /*   8 */
    char value[436];   /*  72: longer ones are cut */
    uint32_t flags;    /* 508: bit 0 = set at start only */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_api_export_option) == 512, "read by other processes");

struct tpa_api_export_neighbour {
    uint64_t sequence;               /*  0 */
    struct tpa_base_address address; /*  8 */
    uint8_t mac[6];                  /* 24 */
    uint8_t interface;               /* 30: index of its port */
    uint8_t state;                   /* 31: enum tpa_ip_neighbour_state */
    uint64_t confirmed;              /* 32: when it was known to be reachable; 0 = never */
    uint64_t used;                   /* 40: 1 = an entry, 0 = none */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_api_export_neighbour) == 48, "read by other processes");

struct tpa_api_export_port {
    uint64_t sequence;       /*   0 */
    char name[64];           /*   8; empty: none */
    char kind[16];           /*  72: "ethdev", "loop" */
    uint8_t mac[6];          /*  88 */
    uint16_t mtu;            /*  94 */
    uint16_t rx_queue_count; /*  96 */
    uint16_t tx_queue_count; /*  98 */
    uint32_t capabilities;   /* 100: enum tpa_netdev_capability, of the device itself */
    uint32_t speed_mbps;     /* 104; 0 = unknown */
    uint8_t up;              /* 108 */
    uint8_t gone;            /* 109 */
    uint8_t capturing;       /* 110 */
    uint8_t impaired;        /* 111: bit 0 received, bit 1 sent packets */
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;             /* 112 */
    uint64_t rx_missed, rx_errors, rx_no_buffer, tx_errors, tx_full; /* 144 */
    uint64_t drops; /* 184: by this port's layers */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_api_export_port) == 192, "read by other processes");

/* Where instances are: directories to look in, the first one first. */
#define TPA_API_EXPORT_PREFIXES_MAX 3
#define TPA_API_EXPORT_PREFIX_SIZE  256

/*
 * $TPA_ROOT_PREFIX alone where it is set; else /var/run/tpa, then what an ordinary user may write
 * to: $XDG_RUNTIME_DIR/tpa, /tmp/tpa-<user id>. Returns how many; all fit, too long ones are left
 * out.
 */
int tpa_api_export_prefixes(char prefixes[TPA_API_EXPORT_PREFIXES_MAX][TPA_API_EXPORT_PREFIX_SIZE]);

/*
 * Removes what a dead instance has left in its directory, and the directory if nothing else is in
 * it. 0; TPA_EBUSY (the instance lives), TPA_EPERM, TPA_EIO.
 */
int tpa_api_export_clean(const char *directory);

TPA_BASE_DECLARATIONS_END

#endif
