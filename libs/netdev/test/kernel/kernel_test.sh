#!/bin/sh
# Ports against the kernel, and memif between two processes; with hugepages and without.
#
#   kernel_test.sh tap|af_packet|af_xdp|memif
#
# Prints "ok", "FAIL" and "skipped" lines; what can't be tried here is skipped, and said so. Fails
# when a case failed.

. test/support/netns.sh

wire=libs/netdev/wire_test
memif=libs/netdev/memif_test
failed=0

# Reads a program's exit status as wire_test.c and memif_test.c define it.
account()
{
    case $1 in
    0 | 77) ;;
    124) echo "FAIL $2: takes too long" && failed=1 ;;
    *) failed=1 ;;
    esac
}

# Addresses of the kernel's end; the stack's end answers to no ARP or ND, so it is made known.
ready()
{
    netns_address "$1" "$2" 10.9.0.2/24 &&
        netns_exec "$1" ip neigh replace 10.9.0.1 lladdr 02:00:00:00:00:01 dev "$2" nud permanent
    # IPv6 wants an MTU of 1280 at least (RFC 8200 section 5).
    if [ "$3" -ge 1280 ]; then
        netns_address "$1" "$2" fd00:9::2/64 &&
            netns_exec "$1" ip neigh replace fd00:9::1 lladdr 02:00:00:00:00:01 dev "$2" \
                nud permanent
    fi
    touch "$WIRE_READY"
}

# run_wire PORT HUGE|NO_HUGE MTU [ARGUMENTS]: one run in fresh namespaces.
run_wire()
{
    name="$1 mtu $3 $2"
    netns_begin
    netns_add stack
    WIRE_READY=$NETNS_SCRATCH/ready
    export WIRE_READY
    if [ "$1" = tap ]; then
        (netns_tap stack tap0 "$3" && ready stack tap0 "$3") &
        netns_exec stack timeout 200 $wire "$name" net_tap0 "$2" "$3" - tap0 \
            "--vdev=net_tap0,iface=tap0$4"
    else
        netns_add kernel
        netns_veth stack veth0 kernel veth0 "$3" && ready kernel veth0 "$3"
        netns_exec stack timeout 200 $wire "$name" "net_$1" "$2" "$3" \
            "/run/netns/$(netns_name kernel)" veth0 "--vdev=net_$1,iface=veth0$4"
    fi
    account $? "$name"
    wait
    netns_end
}

# run_memif HUGE|NO_HUGE [CLIENT_ARGUMENTS]
run_memif()
{
    name="memif$2 $1"
    timeout 200 $memif "$name" "$1" "tpa-test-$$" "$2"
    account $? "$name"
}

test_port()
{
    for memory in NO_HUGE HUGE; do
        case $1 in
        memif) run_memif $memory ;;
        tap) run_wire tap $memory 1500 ;;
        af_packet) run_wire af_packet $memory 1500 ;;
        af_xdp) run_wire af_xdp $memory 1500 ;;
        esac
    done
    case $1 in
    memif) run_memif HUGE ,zero-copy=yes ;;
    tap) run_wire tap NO_HUGE 576 ;;
    af_packet)
        run_wire af_packet NO_HUGE 576
        run_wire af_packet NO_HUGE 9000 ,framesz=16384,blocksz=65536,framecnt=512
        ;;
    af_xdp) run_wire af_xdp NO_HUGE 3310 ;;
    esac
}

missing()
{
    [ "$1" = memif ] && return 1
    netns_missing && return 0
    [ "$1" = tap ] && netns_tap_missing
}

why=$(missing "$1") && {
    echo "skipped: $1: $why"
    exit 0
}
test_port "$1"
exit $failed
