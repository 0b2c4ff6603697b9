#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: corpus/<target>/seed-*. Found cases stand beside them.

A seed takes a target to places that it would find slowly by itself. What its bytes mean stands in
the target's source: they are read front to back, one choice after the other.

usage: fuzz/seeds.py
"""

import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "corpus")
SEEDS = {}


def seed(target, name, *parts):
    """One seed, of bytes, texts, and numbers that are a byte each."""
    data = b"".join(
        part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else
        bytes([part]) for part in parts)
    SEEDS[target + "/seed-" + name] = data


def be16(value):
    return struct.pack(">H", value)


def be32(value):
    return struct.pack(">I", value)


def length(value):
    """fuzz_length()"""
    return bytes([value]) if value < 128 else b"\xff" + be16(value)


# ---- impairment, configuration: texts ----

seed("impairment", "rates", "drop=1%,dup=0.25%,corrupt=300ppm,cut=2,reorder=5%,depth=3,hold=10ms")
seed("impairment", "times", "delay=10ms jitter=250us rate=1.5G queue=100")
seed("impairment", "masks", "dropmask=0+3+7-9,dupmask=255")
seed("impairment", "off", "off")

seed("configuration", "ports", """
net { # the first
    ip = 10.9.0.1/24 10.9.1.1
    mask = 255.255.0.0
    gw = 10.9.0.254
    mac = 02:00:00:00:00:01
    route = 192.0.2.0/24 via 10.9.0.7, 198.51.100.0/25 via 10.9.0.8
}
net {
    port = 1
    name = "net_tap0"
    ip6 = fd00::1/64, fd00::2
    gw6 = fd00::fe
    mtu = 9000; vlan = 7
}
""")
seed("configuration", "one-line",
     "net { ip=10.9.0.1/24; } dpdk { extra_args=\"--vdev=net_tap0,iface=tpa0\"; }")
seed("configuration", "types", """
tcp { time_wait = 30s; usr_snd_mss = 1400; local_port_range = 41000 64000
}
mem { receive = auto
}
capture { file = "/tmp/a b"; size_limit = 1GB; }
log { level = 0x3
}
""")

# ---- tcp_segment: bytes of a segment, then the segment ----


def tcp(flags, options=b"", payload=b"", seq=1000, ack=2000, window=500):
    options += b"\0" * (-len(options) % 4)
    return (be16(40000) + be16(80) + be32(seq) + be32(ack) +
            bytes([(5 + len(options) // 4) << 4, flags]) + be16(window) + be32(0) + options +
            payload)


FIN, SYN, RST, ACK = 1, 2, 4, 16
MSS, SCALE, SACK_OK = b"\2\4\5\xb4", b"\3\3\7", b"\4\2"
TIMESTAMP = b"\x08\x0a" + be32(77) + be32(55)
SACK = b"\1\1\5\x12" + be32(2100) + be32(2200) + be32(2300) + be32(2400)

seed("tcp_segment", "syn", 0, tcp(SYN, MSS + SACK_OK + TIMESTAMP + b"\1" + SCALE))
seed("tcp_segment", "data", 0, tcp(ACK, b"\1\1" + TIMESTAMP, b"payload"))
seed("tcp_segment", "sack-in-pieces", 7, tcp(ACK, SACK))
seed("tcp_segment", "fin", 0, tcp(FIN | ACK))
seed("tcp_segment", "reset", 0, tcp(RST))

# ---- ip_input: steps ----

IP_PACKET, IP_BYTES, ARP, NEIGHBOUR, ERROR, SEND, TIME = range(7)
PEER, US, OTHER, ROUTER, FAR = range(5)
TO_US = US ^ 1  # a destination's number is turned: a zero is us
WHOLE = 255  # bytes of a segment


def ip_packet(ipv6, protocol, payload):
    return [IP_PACKET, ipv6, protocol, 0, length(len(payload)), payload, PEER, TO_US, WHOLE]


ECHO4 = b"\x08\0\0\0\x12\x34\0\1" + b"ping" * 4
ECHO6 = b"\x80\0\0\0\x12\x34\0\1" + b"ping" * 4

seed("ip_input", "tcp", *ip_packet(0, 0, tcp(ACK)), *ip_packet(1, 0, tcp(SYN, MSS)))
seed("ip_input", "echo", *ip_packet(0, 1, ECHO4), *ip_packet(1, 2, ECHO6))
seed("ip_input", "udp", *ip_packet(0, 3, be16(53) + be16(53) + be16(8) + be16(0)))
# Somebody asks for us, then answers what we asked: a packet waits for each neighbour meanwhile.
seed("ip_input", "arp", ARP, 0, OTHER, US, WHOLE, SEND, 0, OTHER, 100, 0,
     ARP, 3, OTHER, US, WHOLE, TIME, 2, 3)
seed("ip_input", "neighbour", NEIGHBOUR, US, 8, b"\1\1\2\0\0\0\0\x77", 0, OTHER, TO_US, WHOLE,
     SEND, 1, OTHER, 100, 0, NEIGHBOUR, OTHER, 8, b"\2\1\2\0\0\0\0\x77", 0x60, OTHER, TO_US, WHOLE)
seed("ip_input", "too-big", SEND, 0, PEER, 100, 1, ERROR, 0, 3, 4, PEER, be32(0x01020304),
     be16(1000), ROUTER, TO_US, WHOLE, 0)
seed("ip_input", "too-big-ipv6", SEND, 1, PEER, 100, 1, ERROR, 1, 2, 0, PEER, be32(0x01020304),
     be16(1300), ROUTER, TO_US, WHOLE, 0)
seed("ip_input", "unreachable", ERROR, 2, 3, 1, FAR, be32(9), be16(0), ROUTER, TO_US, WHOLE)
seed("ip_input", "hop-by-hop", IP_PACKET, 3, 8, 0, 0, b"\6\0\5\2\0\0\1\0", 20, tcp(ACK), PEER,
     TO_US, WHOLE)
seed("ip_input", "silence", SEND, 0, FAR, 50, 0, TIME, 2, 10, SEND, 0, FAR, 50, 0, TIME, 3, 2)

# ---- ip_fragments: six datagrams (how, length of the data), then fragments ----

HONEST, LIES, LATER, PIECES = 0, 16, 32, 64
DATAGRAMS = [0, length(1000), 1, length(1000), 2, length(40), 3, length(40), 0, length(5000), 1,
             length(5000)]


def fragment(number, offset, size, how=HONEST):
    return [number | how, length(offset), length(size - 1)]


seed("ip_fragments", "in-order", *DATAGRAMS, *fragment(0, 0, 512), *fragment(0, 512, 508),
     *fragment(1, 0, 512), *fragment(1, 512, 508))
seed("ip_fragments", "reverse", *DATAGRAMS, *fragment(0, 512, 508), *fragment(0, 256, 256),
     *fragment(0, 0, 256), *fragment(1, 512, 508, PIECES), *fragment(1, 0, 512, PIECES))
seed("ip_fragments", "overlap", *DATAGRAMS, *fragment(0, 0, 512), *fragment(0, 256, 764),
     *fragment(1, 0, 512), *fragment(1, 504, 516))
seed("ip_fragments", "lies", *DATAGRAMS, *fragment(0, 0, 513, LIES), *fragment(1, 512, 508, LIES))
seed("ip_fragments", "time-out", *DATAGRAMS, *fragment(0, 0, 512), 1 | LATER, 0, length(511), 120)

# ---- tcp_connection: ISNs, state, settings, congestion control; then steps ----

RECEIVE, PASS, WRITE, READ, SHUT, OPTION, PUT_BACK, ICMP, NOTHING = range(9)
SYN_SENT, SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT = range(6)
TIMESTAMPS_ON, SACK_ON, SCALE_ON, ACTIVE, SUPER_FRAMES, SMALL, USER_TIMEOUT = (
    1, 2, 4, 8, 16, 32, 64)
ECN = 128
ALL_ON = TIMESTAMPS_ON | SACK_ON | SCALE_ON
# Kinds of flags, and numbers: their base, and what is added to it.
F_ACK, F_FIN, F_SYN_ACK, F_SYN, F_RST = 0, 3, 4, 5, 7
NXT, EDGE = 0, 1  # of the peer: RCV.NXT, the window's right edge
SND_NXT, UNA, END, UNA_1_MSS, UNA_2_MSS = range(5)
PLUS = 16  # a signed byte follows


def segment(flags, seq=(NXT,), ack=(SND_NXT,), size=0, window=0, options=(0,)):
    return [RECEIVE, flags, *seq, *ack, length(size), window, *options]


def connection(name, state, settings, *steps):
    seed("tcp_connection", name, 2, state, settings, 0, *steps)


ONE_HOLE = segment(F_ACK, ack=(UNA,), options=(8, UNA_1_MSS, length(1460)))
connection("handshake", SYN_SENT, ALL_ON, *segment(F_SYN_ACK, options=(0xe0,)),
           *segment(F_ACK, size=100), READ, 3)
connection("simultaneous", SYN_SENT, ALL_ON, *segment(F_SYN), *segment(F_SYN_ACK), *segment(F_ACK))
connection("text", ESTABLISHED, ALL_ON, *segment(F_ACK, size=1000), READ, 1,
           *segment(F_ACK, seq=(NXT | PLUS, 100), size=100), *segment(F_ACK, size=100), READ, 4)
connection("recovery", ESTABLISHED, ALL_ON, WRITE, length(14000), 0, *(ONE_HOLE * 3), PASS,
           2, 1, *segment(F_ACK))
connection("without-sack", ESTABLISHED, 0, WRITE, length(14000), 0,
           *(segment(F_ACK, ack=(UNA,)) * 3), *segment(F_ACK, ack=(UNA_2_MSS,)), PASS, 2, 3,
           *segment(F_ACK))
connection("zero-window", ESTABLISHED, 0, *segment(F_ACK, window=200), WRITE, length(4000), 1,
           PASS, 2, 20, *segment(F_ACK, window=255), PASS, 1, 9, *segment(F_ACK))
connection("half-close", ESTABLISHED, ALL_ON, WRITE, length(3000), 0, SHUT, 1, *segment(F_ACK),
           *segment(F_FIN, size=10), READ, 1, PASS, 3, 2)
connection("peer-closes", CLOSE_WAIT, ALL_ON, WRITE, length(3000), 0, *segment(F_ACK), SHUT, 0, 1)
connection("reset", ESTABLISHED, ALL_ON, *segment(F_RST, seq=(NXT | PLUS, 5)), *segment(F_RST))
connection("keepalive", ESTABLISHED, ALL_ON, OPTION, 1 | 8 << 2, PASS, 3, 3)
connection("path-mtu", ESTABLISHED, SUPER_FRAMES, WRITE, length(9000), 0, ICMP, UNA, 0,
           *segment(F_ACK))
connection("small-buffers", ESTABLISHED, ALL_ON | SMALL, *segment(F_ACK, size=3000),
           *segment(F_ACK, size=3000), *segment(F_ACK, size=3000), READ, 9, WRITE, length(20000), 0)
connection("no-memory", ESTABLISHED, ALL_ON, OPTION, 3, WRITE, length(3000), 0, PASS, 2, 1)
# Echoed marks (ECE), and marks that arrive: the two low bits of the window's byte.
connection("ecn", ESTABLISHED, ALL_ON | ECN, WRITE, length(14000), 0, RECEIVE, 128, 0x50, NXT,
           UNA_1_MSS, 0, 0, 0, *segment(F_ACK, size=100, window=3), PASS, 2, 1,
           *segment(F_ACK, size=100), READ, 3)
# A SYN-ACK repeated its window modulo 65,536 after an ACK had offered 2 MB.
connection("syn-ack-window", SYN_RECEIVED, ALL_ON, *segment(F_ACK, seq=(NXT | PLUS, 256 - 100)),
           PASS, 2, 2)

# ---- tcp_pair: ISNs; for both hosts settings, congestion control, bytes and the writes' size; then
# the fates of packets ----

DELIVER, DROP, REPEAT, LATE = 0, 2, 3, 4
SLOW = 3 << 3  # 50 ms for those behind it


def pair(name, settings, *fates):
    seed("tcp_pair", name, 1, settings | 64, 0, length(30000), length(5000), settings, 0,
         length(2000), length(500), *fates)


pair("good", ALL_ON)
pair("syn-lost", ALL_ON, DROP, DELIVER, DROP)
pair("losses", ALL_ON, *[DELIVER] * 6, DROP, DELIVER, DROP, *[DELIVER] * 9, DROP)
pair("losses-without-options", 0, *[DELIVER] * 6, DROP, DELIVER, DROP, *[DELIVER] * 9, DROP)
pair("reordered", ALL_ON, *[SLOW, DELIVER, LATE, REPEAT] * 10)
pair("small-buffers", 16 | 32 | 128, *[DELIVER] * 20, DROP)
pair("tail-lost", ALL_ON, *[DELIVER] * 30, *[DROP] * 12)
pair("paused-readers", ALL_ON | 16, *[64, 65, DELIVER, DELIVER] * 6)

# ---- tool: which call, then changes: where, how many bytes, the bytes ----

PAGE = 4096
REGION = 256  # bytes of a region's entry, behind 256 of the header


def change(offset, data):
    return be16(offset) + bytes([len(data)]) + data


for number in range(18):
    seed("tool", "call-%d" % number, number)
seed("tool", "region-beyond", 0, change(256 + 24, b"\0\0\1\0\0\0\0\0"))
seed("tool", "region-count", 5, change(28, b"\x10\0\0\0"))
seed("tool", "texts-without-end", 7, change(9 * PAGE + 8, b"m" * 52))
seed("tool", "control-characters", 9, change(10 * PAGE + 72, b"\x1b[2J"))
seed("tool", "short", 0, be16(6000), 0)
seed("tool", "torn", 0, change(2 * PAGE, b"\1"))
seed("tool", "trace-capacity", 3, change(6 * PAGE + 20, b"\xff\xff\xff\xff"))

# ---- mailbox: steps ----

SPOIL, POLL, ASK, TAKE, WITHDRAW = range(5)
ANSWER = [length(12), 0]  # of the instance, and its status

seed("mailbox", "answered", ASK, length(8), b"cfg list", POLL, *ANSWER, TAKE, length(100))
seed("mailbox", "withdrawn", ASK, length(8), b"cfg list", WITHDRAW, POLL)
seed("mailbox", "longest", ASK, length(256), b"x" * 256, POLL, length(4096), 0, TAKE, length(4096))
seed("mailbox", "length-lies", ASK, length(3), b"abc", SPOIL, length(32), 4, b"\xff\xff\xff\xff",
     POLL, *ANSWER, SPOIL, length(36), 4, b"\xff\xff\xff\x7f", TAKE, length(10))

# ---- stacks: a seed; two hosts (settings, congestion control); there and back (delay, kind, what
# the kinds need); flows less one, each with its settings, four lengths and its start; then changes

NO_DELAY = [0, 0]
GOOD = [0, *NO_DELAY]
BULK, REQUESTS, WRITE_WRITE_READ, HALF = (number << 1 for number in range(4))
IPV6, SERVER_FIRST, SHUTDOWN, ZERO_COPY = 8, 16, 32, 192


def flow(how):
    return [how, length(20000), length(3000), length(9000), length(3000), *NO_DELAY,
            *(NO_DELAY if how & SHUTDOWN else [])]


def stacks(name, there, back, flows, *changes):
    seed("stacks", name, 7, 0, 0, 0, 1, *there, *back, len(flows) - 1, *sum(map(flow, flows), []),
         *changes)


stacks("good", GOOD, GOOD, [BULK, BULK | IPV6, REQUESTS, HALF | SHUTDOWN])
stacks("bad", [31, 1, 9, 100, 5, 20, 50, 1, 8, 50, 0, 200], GOOD,
       [BULK | ZERO_COPY, WRITE_WRITE_READ | IPV6 | SERVER_FIRST])
stacks("masks", [64, *NO_DELAY, 4, 3, 5, 9, 11, 2, 4, 6, 1, 8], GOOD, [BULK, HALF])
stacks("small-mtu", [32, *NO_DELAY, 20], GOOD, [BULK | ZERO_COPY, BULK | IPV6])
stacks("down-and-stalled", GOOD, GOOD, [BULK, BULK], 0, 1, 3, 224, *NO_DELAY, *[0] * 9, 64, 3, 2, 3,
       5, *GOOD)

# ---- sids: the hash's key; then steps ----

SID, FLOW, FLOWS, MEMORY = range(4)

seed("sids", "taken-and-given", 1, *[SID, 200] * 5, SID, 2, SID, 0, *[SID, 200] * 3)
seed("sids", "all-taken", 1, *[SID, 255] * 102)
seed("sids", "many-flows", 2, FLOWS, be16(0), 255, 0, FLOWS, be16(300), 200, 0, FLOWS, be16(100),
     200, 1)
seed("sids", "exchanged", 3, FLOW, be16(5), FLOW, be16(0x405), FLOW, be16(0x805), FLOW, be16(5))
seed("sids", "no-memory", 4, MEMORY, 0, FLOWS, be16(0), 255, 0, MEMORY, 1, FLOWS, be16(0), 255, 0)


def main():
    for path, data in SEEDS.items():
        os.makedirs(os.path.join(ROOT, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(ROOT, path), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
