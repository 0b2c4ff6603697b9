#!/bin/sh
# The demo itself: ends well, and its table has a row for all that it promises; also where it has
# to do without the kernel. Nothing is left behind.

. test/support/netns.sh

failed=0
TPA_DEMO_QUICK=1
TPA_DEMO_BINARIES=$PWD/bin
TPA_ROOT=$PWD
export TPA_DEMO_QUICK TPA_DEMO_BINARIES TPA_ROOT

expect()
{
    echo "$output" | grep -q "$1" && return
    echo "FAIL $mode: no row of \"$1\""
    failed=1
}

run()
{
    mode=$1
    shift
    if output=$("$@" timeout 120 bash tools/demo 2>&1); then
        echo "ok $mode: $(echo "$output" | grep -c ' net_tap \| loop ') rows"
    else
        echo "FAIL $mode: $output"
        failed=1
    fi
}

run embedded env TPA_DEMO_EMBEDDED=1
for row in read write rw rr crr; do
    expect "^tperf $row, verified *loop "
done

if why=$(netns_missing) || why=$(netns_tap_missing); then
    echo "skipped: with the kernel: $why"
    exit $failed
fi
run "with the kernel" env
for row in "thttpd -> curl, 10 MB over IPv4 .*sha256 equal" \
    "thttpd -> curl, 10 MB over IPv6 .*sha256 equal" \
    "kernel -> techo" "swing -> techo of the kernel"; do
    expect "^$row"
done
for row in read write rr crr; do
    expect "^kernel's tperf $row of the stack *net_tap "
    expect "^the stack's tperf $row of the kernel *net_tap "
done
exit $failed
