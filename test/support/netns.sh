# shellcheck shell=sh
# Network namespaces for tests, to be sourced (POSIX sh). Everything that is made here has this
# process's id in its name, belongs to namespaces made here, and goes away with the shell, also when
# it is interrupted. What a killed test left is removed by the next one.
#
#   . test/support/netns.sh
#   why=$(netns_missing) && { echo "skipped: $why"; exit 0; }
#   netns_begin
#   netns_add stack; netns_add kernel
#   netns_veth stack veth0 kernel veth0 1500
#   netns_address kernel veth0 10.9.0.2/24 fd00:9::2/64
#   netns_exec kernel ping -c 1 10.9.0.1

# Where ethtool and sysctl are, and a build's environment doesn't look.
PATH=$PATH:/usr/sbin:/sbin

# Says what is missing for namespaces and returns 0; returns 1 where all is there.
netns_missing()
{
    for netns_tool in ip ethtool; do
        command -v "$netns_tool" >/dev/null 2>&1 || {
            echo "$netns_tool is not installed (apt-get install iproute2 ethtool)"
            return 0
        }
    done
    [ "$(id -u)" = 0 ] || {
        echo "network namespaces need root"
        return 0
    }
    ip netns add "tpa-probe-$$" 2>/dev/null || {
        echo "the kernel makes no network namespaces here (container without CAP_SYS_ADMIN?)"
        return 0
    }
    ip netns del "tpa-probe-$$"
    return 1
}

# Why TAP devices can't be had, returning 0; 1 where they can.
netns_tap_missing()
{
    [ -c /dev/net/tun ] && return 1
    echo "/dev/net/tun does not exist (modprobe tun)"
}

# The full name of a namespace.
netns_name()
{
    echo "tpa-$NETNS_PID-$1"
}

netns_begin()
{
    NETNS_PID=$$
    NETNS_SCRATCH=$(mktemp -d) # for files; goes away with the namespaces
    netns_remove_orphans
    trap netns_end EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# Namespaces of tests whose process is gone.
netns_remove_orphans()
{
    ip netns list | sed -n 's/^tpa-\([0-9][0-9]*\)-\([^ ]*\).*/\1 \2/p' |
        while read -r netns_owner netns_rest; do
            [ -d "/proc/$netns_owner" ] || netns_remove "tpa-$netns_owner-$netns_rest"
        done
}

# Ends the processes inside a namespace and removes it, by its full name.
netns_remove()
{
    for netns_process in $(ip netns pids "$1" 2>/dev/null); do
        kill -KILL "$netns_process" 2>/dev/null
    done
    ip netns del "$1" 2>/dev/null
    return 0
}

# Removes all that was made. Also run by the trap of netns_begin.
netns_end()
{
    netns_status=$?
    trap - EXIT
    trap '' HUP INT TERM # a second Ctrl-C must not leave half of it behind
    ip netns list | sed -n "s/^\(tpa-$NETNS_PID-[^ ]*\).*/\1/p" |
        while read -r netns_full; do
            netns_remove "$netns_full"
        done
    rm -rf "$NETNS_SCRATCH"
    return $netns_status
}

# A namespace with its loopback up. Names count within this test only.
netns_add()
{
    ip netns add "$(netns_name "$1")" &&
        netns_exec "$1" ip link set lo up
}

# Runs a command in a namespace.
netns_exec()
{
    netns_where=$(netns_name "$1")
    shift
    ip netns exec "$netns_where" "$@"
}

# Switches off what makes a virtual interface show frames that no wire carries: unfinished checksums
# and packets larger than the MTU.
netns_offloads_off()
{
    netns_exec "$1" ethtool -K "$2" tx off rx off sg off tso off gso off gro off \
        >/dev/null 2>&1
    # Not every kind of interface knows each of them; these two must be off.
    netns_exec "$1" ethtool -k "$2" |
        grep -Eq '^(tx-checksumming|generic-segmentation-offload): on' || return 0
    echo "netns: offloads of $2 can't be switched off" >&2
    return 1
}

# netns_veth NAMESPACE INTERFACE NAMESPACE INTERFACE [MTU]: a veth pair between two namespaces, up,
# offloads off on both ends. IPv6 addresses are usable at once (no duplicate detection).
netns_veth()
{
    ip -netns "$(netns_name "$1")" link add "$2" type veth peer name "$4" netns \
        "$(netns_name "$3")" || return 1
    netns_up "$1" "$2" "${5:-1500}" && netns_up "$3" "$4" "${5:-1500}"
}

# netns_up NAMESPACE INTERFACE MTU
netns_up()
{
    netns_exec "$1" sysctl -qw "net.ipv6.conf.$2.accept_dad=0" 2>/dev/null
    netns_exec "$1" sysctl -qw "net.ipv6.conf.$2.router_solicitations=0" 2>/dev/null
    netns_offloads_off "$1" "$2" &&
        netns_exec "$1" ip link set "$2" mtu "$3" up
}

# netns_address NAMESPACE INTERFACE ADDRESS/LENGTH...
netns_address()
{
    netns_at=$1
    netns_interface=$2
    shift 2
    for netns_literal in "$@"; do
        netns_option=
        case $netns_literal in
        *:*) netns_option=nodad ;;
        esac
        netns_exec "$netns_at" ip addr add "$netns_literal" dev "$netns_interface" \
            $netns_option || return 1
    done
}

# netns_wait_link NAMESPACE INTERFACE [SECONDS]: until another process has made it.
netns_wait_link()
{
    netns_tries=$((${3:-10} * 20))
    while ! netns_exec "$1" ip link show dev "$2" >/dev/null 2>&1; do
        netns_tries=$((netns_tries - 1))
        [ $netns_tries -gt 0 ] || {
            echo "netns: no interface $2 after ${3:-10} s" >&2
            return 1
        }
        sleep 0.05
    done
}

# netns_tap NAMESPACE INTERFACE [MTU]: waits for a TAP device that a program makes inside the
# namespace, and readies it as netns_up does.
netns_tap()
{
    netns_wait_link "$1" "$2" && netns_up "$1" "$2" "${3:-1500}"
}
