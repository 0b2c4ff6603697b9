#!/bin/sh
# The stack against the kernel: tperf on the stack, tperf_kernel as its peer, every byte checked at
# both ends.
#
#   stack_test.sh integrity|mtu|workers|impaired|closing|ports
#
# Prints "ok", "FAIL" and "skipped" lines. Each server must be healthy at its end, and have all of
# its packet buffers back.

. test/support/netns.sh

if why=$(netns_missing) || why=$(netns_tap_missing); then
    echo "skipped: $why"
    exit 0
fi

tperf=$PWD/bin/tperf
peer=$PWD/bin/tperf_kernel
tpa=$PWD/bin/tpa
stack4=10.9.0.1
stack6=fd00:9::1
failed=0

say_failed()
{
    echo "FAIL $*"
    failed=1
}

# ---- The server on the stack ----

# server_start PORT MTU [ARGUMENT...]: tap, af_packet or af_xdp.
server_start()
{
    port=$1
    mtu=$2
    shift 2
    case $port in
    tap) device="net_tap0,iface=veth0" ;;
    *) device="net_$port,iface=veth0" && netns_veth stack veth0 kernel veth0 "$mtu" ;;
    esac
    # IPv6 wants an MTU of 1280 at least (RFC 8200 section 5).
    ip6="ip6 = $stack6/64;"
    [ "$mtu" -ge 1280 ] || ip6=
    export TPA_ROOT_PREFIX="$NETNS_SCRATCH/run"
    export TPA_CFG="
        net { name = ${device%%,*}; ip = $stack4; mask = 255.255.255.0; $ip6 mtu = $mtu; }
        dpdk { extra_args = \"--vdev=$device\"; }"
    ip netns exec "$(netns_name stack)" "$tperf" -s "$@" >"$NETNS_SCRATCH/log" 2>&1 &
    server=$!
    kernel=kernel
    if [ "$port" = tap ]; then
        kernel=stack
        netns_tap stack veth0 "$mtu"
    fi
    netns_address "$kernel" veth0 10.9.0.2/24
    [ -z "$ip6" ] || netns_address "$kernel" veth0 fd00:9::2/64
    server_wait || return 1
    buffers=$(buffers_in_use)
}

server_wait()
{
    tries=100
    while ! grep -q '^:: tperf' "$NETNS_SCRATCH/log"; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ] || ! kill -0 "$server" 2>/dev/null; then
            say_failed "the server does not start: $(cat "$NETNS_SCRATCH/log")"
            return 1
        fi
        sleep 0.05
    done
}

# Packets out of the pool, receive rings included.
buffers_in_use()
{
    "$tpa" mem -j | sed -n 's/.*"name":"packets","unit":"packets","used":\([0-9]*\).*/\1/p'
}

# The buffers are back as soon as connections that broke off are gone. Drivers hold some in rings of
# their own, AF_XDP's now more, now fewer than at the start.
buffers_check()
{
    tries=40
    while [ "$(buffers_in_use)" -gt "$buffers" ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || {
            say_failed "$1: $(buffers_in_use) buffers are out, $buffers at the start"
            return
        }
        sleep 0.1
    done
}

server_end()
{
    if kill -0 "$server" 2>/dev/null; then
        buffers_check "$1"
        kill -INT "$server"
    fi
    wait "$server" || say_failed "$1: the server ended with $?: $(tail -n 3 "$NETNS_SCRATCH/log")"
}

# ---- What is done to it ----

# measure NAME [ARGUMENT...]
measure()
{
    name=$1
    shift
    if result=$(netns_exec "$kernel" timeout 100 "$peer" "$@" -i -j 2>&1); then
        echo "ok $name: $(echo "$result" | sed -n \
            's/.*"sent_bytes":\([0-9]*\),"received_bytes":\([0-9]*\).*/\1 sent, \2 received/p')"
    else
        say_failed "$name: $result"
    fi
}

test_integrity()
{
    server_start tap 1500 || return
    for address in $stack4 $stack6; do
        for size in 1 1000 64K 1M; do
            measure "rw $size to $address" -c "$address" -t rw -m "$size" -d 2s
        done
        measure "zero-copy read to $address" -c "$address" -t read -m 64K -W 1 -d 3s
        measure "write to $address" -c "$address" -t write -m 64K -d 3s
        measure "rr to $address" -c "$address" -t rr -m 333 -d 1s -C 10
        measure "crr to $address" -c "$address" -t crr -m 333 -d 1s -C 10
    done
    server_end integrity
}

test_mtu()
{
    for size in 576 1500 9000; do
        server_start tap $size || return
        measure "mtu $size rw" -c $stack4 -t rw -m 10000 -d 2s
        [ $size -lt 1280 ] || measure "mtu $size rw, IPv6" -c $stack6 -t rw -m 10000 -d 2s
        server_end "mtu $size"
    done
}

test_workers()
{
    for workers in 1 2 4; do
        server_start tap 1500 -n $workers || return
        measure "$workers workers, 100 connections" -c $stack4 -t rw -C 100 -d 2s
        measure "$workers workers, 1000 connections" -c $stack6 -t rr -C 1000 -d 2s
        measure "$workers workers, crr" -c $stack4 -t crr -C 50 -d 1s
        server_end "$workers workers"
    done
}

test_impaired()
{
    server_start tap 1500 || return
    "$tpa" pktfuzz drop 1% reorder 1% depth 3 dup 1% >/dev/null || say_failed "tpa pktfuzz"
    for address in $stack4 $stack6; do
        measure "bad wire, rw to $address" -c "$address" -t rw -m 10000 -C 10 -d 3s
        measure "bad wire, rr to $address" -c "$address" -t rr -m 1000 -C 50 -d 2s
        measure "bad wire, crr to $address" -c "$address" -t crr -m 1000 -C 20 -d 2s
    done
    "$tpa" pktfuzz off >/dev/null
    server_end impaired
}

# Clients that are killed in the midst of it leave resets and half-closed connections behind.
test_closing()
{
    server_start tap 1500 -n 2 || return
    for round in 1 2 3 4 5; do
        netns_exec "$kernel" timeout -s KILL 0.5 "$peer" -c $stack4 -t rw -C 100 >/dev/null 2>&1
        netns_exec "$kernel" timeout -s KILL 0.3 "$peer" -c $stack6 -t crr -C 100 >/dev/null 2>&1
    done
    measure "after $round rounds of killed clients" -c $stack4 -t rw -C 10 -d 1s
    server_end closing

    # The listener goes while clients connect.
    server_start tap 1500 || return
    netns_exec "$kernel" timeout -s KILL 5 "$peer" -c $stack4 -t crr -C 100 >/dev/null 2>&1 &
    load=$!
    sleep 1
    kill -INT $server
    if wait $server; then
        echo "ok ended under load"
    else
        say_failed "ended under load: $?: $(tail -n 3 "$NETNS_SCRATCH/log")"
    fi
    wait $load 2>/dev/null
}

test_ports()
{
    for port in af_packet af_xdp; do
        netns_add kernel
        server_start $port 1500 || return
        measure "$port rw" -c $stack4 -t rw -m 10000 -C 4 -d 2s
        measure "$port read, IPv6" -c $stack6 -t read -m 64K -d 2s
        measure "$port crr" -c $stack4 -t crr -C 10 -d 1s
        server_end "$port"
        netns_exec stack ip link del veth0
        netns_remove "$(netns_name kernel)"
    done
}

netns_begin
netns_add stack
"test_$1"
[ $failed = 0 ] || exit 1
