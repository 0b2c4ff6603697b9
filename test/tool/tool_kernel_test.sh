#!/bin/bash
# The tool tpa against a program that has connections: to the kernel, over a TAP device.
#
#   tool_kernel_test.sh TPA TECHO
set -u
TPA=$PWD/$1
TECHO=$PWD/$2
. test/support/netns.sh
. test/tool/tool.sh

why=$(netns_missing || netns_tap_missing) && {
    echo "skipped: $why"
    exit 0
}
netns_begin
trap 'finish; netns_end' EXIT
netns_add host

export TPA_CFG='net { name = net_tap0; ip = 10.9.0.1/24; ip6 = fd00:9::1/64; } mem { no_huge = 1; }
                dpdk { mbuf_mem_size = 32M; extra_args = "--vdev=net_tap0,iface=tap0"; }
                trace { more_trace = 1; }'
starts "$SCRATCH/techo.log" ip netns exec "$(netns_name host)" "$TECHO" 5678
netns_tap host tap0 && netns_address host tap0 10.9.0.2/24 fd00:9::2/64 || exit 1

# Two clients that hold their connections until they are told to go on, by a file.
CLIENT='
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], 5678), 10)
s.settimeout(10)
s.sendall(b"hello" * 1000)
left = 5000
while left > 0:
    left -= len(s.recv(left))
print("echoed", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
s.close()
'
for address in 10.9.0.1 fd00:9::1; do
    netns_exec host python3 -c "$CLIENT" $address "$SCRATCH/go" >"$SCRATCH/client.$address" 2>&1 &
    PROGRAMS+=($!)
done
for _ in $(seq 200); do
    [ "$(cat "$SCRATCH"/client.* | grep -c echoed)" = 2 ] && break
    sleep 0.05
done
[ "$(cat "$SCRATCH"/client.* | grep -c echoed)" = 2 ] || {
    echo "the clients got no echo"
    cat "$SCRATCH"/client.* "$SCRATCH/techo.log"
    exit 1
}

# The state that is to be shown is there for everybody: "tool sk" needn't be in the namespace.
tool 0 sk
says '^sid=[0-9]+ 10.9.0.1:5678 10.9.0.2:[0-9]+ worker=0 established$'
says '^sid=[0-9]+ \[fd00:9::1\]:5678 \[fd00:9::2\]:[0-9]+ worker=0 established$'
SID=$(sed -n 's/^sid=\([0-9]*\) 10.9.0.1.*/\1/p' "$SCRATCH/out")
tool 0 sk -v "$SID"
says 'mss 14[0-9]+ '
says 'timestamps on  sack on'
tool 0 sk -a -j
says_json 'len([s for s in j["socks"] if s["state"] == "established"]) == 2'
says_json 'len([s for s in j["socks"] if s["state"] == "listen"]) == 1'
says_json 'all(s["send_queued"] == 0 for s in j["socks"] if s["state"] == "established")'
tool 0 st "$SID"
says "sid $SID: [0-9]+ events"
says 'remote: 10.9.0.2 port'
says 'in: PSH'
tool 0 worker -j
says_json 'j["workers"][0]["accepted"] == 2 and j["workers"][0]["socks"] == 2'
sleep 1.1
tool 0 neigh
says '^10.9.0.2 +[0-9a-f:]{17} port 0 (reachable|stale|delay|probe)'
tool 0 port -j
says_json 'j["ports"][0]["kind"] == "ethdev" and j["ports"][0]["rx_packets"] > 10'
tool 0 capture start "$SCRATCH/capture.pcapng"
netns_exec host ping -c 2 -i 0.2 10.9.0.1 >/dev/null
tool 0 capture stop
CHECKS=$((CHECKS + 1))
[ "$(stat -c %s "$SCRATCH/capture.pcapng")" -gt 500 ] || fail "nothing captured"

# What a connection's end looks like.
touch "$SCRATCH/go"
for _ in $(seq 100); do
    tool 0 sk
    [ -s "$SCRATCH/out" ] || break
    sleep 0.05
done
tool 0 sk
says_not established
tool 0 st "$SID"
says 'state: '
sleep 0.3
tool 0 mem -j
says_json 'all(m["used"] == 0 for m in j["memory"]
               if m["name"] in ("receive budget", "send budget"))'

verdict
