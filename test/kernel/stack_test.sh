#!/bin/sh
# The stack against the kernel: tperf on the stack, tperf_kernel as its peer, every byte checked at
# both ends; techo and swing against peers that end connections in every way.
#
#   stack_test.sh WHAT: integrity|mtu|workers|impaired|closing|half_close|reset|client|ports|two_ports
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
techo=$PWD/bin/techo
swing=$PWD/bin/swing
tpa=$PWD/bin/tpa
closer=$PWD/test/kernel/peer.py
stack4=10.9.0.1
stack6=fd00:9::1
failed=0

say_failed()
{
    echo "FAIL $*"
    failed=1
}

# ---- The server on the stack ----

# server_start PORT MTU [ARGUMENT...]: tperf at tap, af_packet or af_xdp.
server_start()
{
    port=$1
    mtu=$2
    shift 2
    program_start "$port" "$mtu" "$tperf" -s "$@"
}

# program_start PORT MTU PROGRAM [ARGUMENT...]: a server that says ":: ..." when it is up.
program_start()
{
    stack_configure "$1" "$2" || return 1
    shift 2
    program_run "$@"
    kernel_configure
    server_wait
}

program_run()
{
    : >"$NETNS_SCRATCH/log"
    ip netns exec "$(netns_name stack)" "$@" >"$NETNS_SCRATCH/log" 2>&1 &
    server=$!
}

stack_configure()
{
    port=$1
    mtu=$2
    case $port in
    tap) device="net_tap0,iface=veth0" ;;
    *) device="net_$port,iface=veth0" && netns_veth stack veth0 kernel veth0 "$mtu" ;;
    esac
    # IPv6 wants an MTU of 1280 at least (RFC 8200 section 5).
    ip6="ip6 = $stack6/64;"
    [ "$mtu" -ge 1280 ] || ip6=
    export TPA_ROOT_PREFIX="$NETNS_SCRATCH/run"
    # The quotes are for the configuration's parser.
    # shellcheck disable=SC2089,SC2090
    export TPA_CFG="
        net { name = ${device%%,*}; ip = $stack4; mask = 255.255.255.0; $ip6 mtu = $mtu; }
        dpdk { extra_args = \"--vdev=$device\"; }"
}

# The kernel's side: a TAP device is there once the stack has made it.
kernel_configure()
{
    kernel=kernel
    if [ "$port" = tap ]; then
        kernel=stack
        netns_tap stack veth0 "$mtu"
    fi
    netns_address "$kernel" veth0 10.9.0.2/24
    [ -z "$ip6" ] || netns_address "$kernel" veth0 fd00:9::2/64
}

server_wait()
{
    tries=100
    while ! grep -q '^::' "$NETNS_SCRATCH/log"; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ] || ! kill -0 "$server" 2>/dev/null; then
            say_failed "the server does not start: $(cat "$NETNS_SCRATCH/log")"
            return 1
        fi
        sleep 0.05
    done
    buffers=$(buffers_in_use)
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

# end_connections WHAT...: what each kind of end does to techo.
end_connections()
{
    for what in "$@"; do
        for address in $stack4 $stack6; do
            netns_exec "$kernel" "$closer" "$what" "$address" 5678 ||
                say_failed "$what with $address"
        done
    done
    [ "$("$tpa" sk | grep -c established)" = 0 ] || say_failed "left over: $("$tpa" sk)"
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
        # With 1,000 senders the TAP device's queue of 1,000 packets loses many. The kernel's BBR
        # takes that for a policer, and sends for minutes at 30 kb/s what its program has written.
        netns_exec "$kernel" sysctl -qw net.ipv4.tcp_congestion_control=reno
        measure "$workers workers, 1000 connections, rw" -c $stack4 -t rw -C 1000 -d 2s
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
    kill -INT "$server"
    if wait "$server"; then
        echo "ok ended under load"
    else
        say_failed "ended under load: $?: $(tail -n 3 "$NETNS_SCRATCH/log")"
    fi
    wait $load 2>/dev/null
}

test_half_close()
{
    program_start tap 1500 "$techo" || return
    end_connections half-close half-close-then-wait fin-without-data
    server_end half-close
}

test_reset()
{
    program_start tap 1500 "$techo" || return
    end_connections resets reset-after-half-close refused
    server_end reset

    # The server dies in the midst of it and another one takes its place.
    netns_add kernel
    program_start af_packet 1500 "$techo" || return
    mkfifo "$NETNS_SCRATCH/go"
    : >"$NETNS_SCRATCH/peer"
    netns_exec kernel "$closer" survives-restart $stack4 5678 \
        <"$NETNS_SCRATCH/go" >"$NETNS_SCRATCH/peer" 2>&1 &
    survivor=$!
    exec 9>"$NETNS_SCRATCH/go"
    peer_wait || return
    kill -KILL "$server"
    wait "$server" 2>/dev/null
    program_run "$techo"
    server_wait || return
    echo go >&9
    wait $survivor || say_failed "survives-restart"
    cat "$NETNS_SCRATCH/peer"
    server_end "restart"
}

# Until the peer says that it is ready.
peer_wait()
{
    tries=100
    while ! grep -q '^ready' "$NETNS_SCRATCH/peer"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || {
            say_failed "the peer is not ready: $(cat "$NETNS_SCRATCH/peer")"
            return 1
        }
        sleep 0.05
    done
}

# client_test WHAT EXPECTED: swing connects to a peer that ends the connection its own way.
client_test()
{
    : >"$NETNS_SCRATCH/peer"
    netns_exec kernel "$closer" "$1" 10.9.0.2 7000 >"$NETNS_SCRATCH/peer" 2>&1 &
    listening=$!
    peer_wait || return
    (
        echo hello
        sleep 2
    ) | ip netns exec "$(netns_name stack)" "$swing" 10.9.0.2 7000 >"$NETNS_SCRATCH/out" 2>&1
    wait $listening || say_failed "$1"
    tail -n 1 "$NETNS_SCRATCH/peer"
    grep -q "$2" "$NETNS_SCRATCH/out" || say_failed "$1: swing said $(cat "$NETNS_SCRATCH/out")"
}

# The stack is the client of peers that end first, reset and refuse.
test_client()
{
    netns_add kernel
    stack_configure af_packet 1500 || return
    kernel_configure
    client_test closes-first ":: closed by the server"
    grep -q "good bye" "$NETNS_SCRATCH/out" || say_failed "the last words were lost"
    client_test resets-client "connection lost: Connection reset by peer"
    ip netns exec "$(netns_name stack)" "$swing" 10.9.0.2 7001 </dev/null \
        >"$NETNS_SCRATCH/out" 2>&1
    grep -q "can't connect: Connection refused" "$NETNS_SCRATCH/out" ||
        say_failed "refused: swing said $(cat "$NETNS_SCRATCH/out")"
}

# Two ports at once, each with addresses and a kernel of its own.
test_two_ports()
{
    export TPA_ROOT_PREFIX="$NETNS_SCRATCH/run"
    # shellcheck disable=SC2090
    export TPA_CFG="
        net { port = 0; name = net_tap0; ip = 10.9.0.1/24; ip6 = $stack6/64; }
        net { port = 1; name = net_tap1; ip = 10.8.0.1/24; mtu = 9000; }
        dpdk { extra_args = \"--vdev=net_tap0,iface=veth0 --vdev=net_tap1,iface=veth1\"; }"
    program_run "$tperf" -s -n 2
    kernel=stack
    netns_tap stack veth0 1500
    netns_tap stack veth1 9000
    netns_address stack veth0 10.9.0.2/24 fd00:9::2/64
    netns_address stack veth1 10.8.0.2/24
    server_wait || return
    measure "second port alone" -c 10.8.0.1 -t rw -m 10000 -d 1s
    measure "first port, busy second" -c $stack4 -t rw -m 10000 -C 4 -d 3s >"$NETNS_SCRATCH/first" &
    first=$!
    measure "second port, busy first" -c 10.8.0.1 -t rw -m 10000 -C 4 -d 3s
    wait $first
    cat "$NETNS_SCRATCH/first"
    grep -q '^ok' "$NETNS_SCRATCH/first" || failed=1
    server_end "two ports"
}

test_ports()
{
    for port in af_packet af_xdp; do
        netns_add kernel
        server_start $port 1500 || return
        measure "$port rw" -c $stack4 -t rw -m 10000 -C 4 -d 2s
        measure "$port read, IPv6" -c $stack6 -t read -m 64K -d 2s
        measure "$port crr" -c $stack4 -t crr -C 10 -d 1s
        "$tpa" pktfuzz drop 1% reorder 1% depth 3 dup 1% >/dev/null || say_failed "tpa pktfuzz"
        measure "$port, bad wire" -c $stack4 -t rw -m 10000 -C 10 -d 2s
        "$tpa" pktfuzz off >/dev/null
        server_end "$port"
        netns_exec stack ip link del veth0
        netns_remove "$(netns_name kernel)"
    done
}

netns_begin
netns_add stack
"test_$1"
[ $failed = 0 ] || exit 1
