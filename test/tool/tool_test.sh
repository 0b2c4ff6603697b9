#!/bin/bash
# The tool tpa against a program that runs, is stuck, has died: over the in-process loop, so without
# any privilege.
#
#   tool_test.sh TPA TECHO LIBTPA_PC
set -u
TPA=$PWD/$1
TECHO=$PWD/$2
PC=$3
. test/tool/tool.sh
trap finish EXIT

export TPA_CFG='net { name = loop; ip = 10.77.0.1/24; ip6 = fd77::1/64; } mem { no_huge = 1; }
                dpdk { mbuf_mem_size = 32M; }'

# ---- Without any instance ----

tool 0 --help
says "sk .*socks"
for sub in sk ss st worker mem cfg neigh port pktfuzz capture route address link list run \
    version; do
    tool 0 $sub --help
    says "^usage: tpa $sub"
done
tool 0 version
says "^tpa [0-9]+\.[0-9]+\.[0-9]+$"
VERSION=$(sed -n 's/^Version: //p' "$PC")
says "^tpa $VERSION$"
tool 2
tool 2 brew
warns "no such subcommand"
tool 1 sk
warns "no instance shows itself in $TPA_ROOT_PREFIX"
tool 0 list
tool 0 list -j
says_json 'j["instances"] == []'
tool 2 run
tool 127 run ./there-is-no-such-program
tool 0 run -i shape -c 'tcp { retries = 3 }' env
says "^TPA_ID=shape$"
says "retries = 3"
tool 2 run -i ../shape env
warns "can't be an instance's name"

# ---- A program that runs ----

starts "$SCRATCH/techo.log" "$TECHO" 5678
FIRST=$STARTED

tool 0 list
says "^techo .* pid $FIRST .*alive"
tool 0 sk
tool 0 sk -a
says '^sid=0 \*:5678 \* worker=0 listen$'
tool 0 sk -a -v
says "waiting to be accepted: 0"
tool 0 sk -a -j
says_json 'j["alive"] and j["pid"] == '"$FIRST"' and j["socks"][0]["state"] == "listen"'
says_json 'j["socks"][0]["local_port"] == 5678'
tool 0 sk 0
says "^sid=0 "
tool 1 sk 99
warns "no sock 99"
tool 2 sk banana
tool 2 sk -x
tool 2 sk 1 2

tool 0 worker
says "^worker 0: running, thread $FIRST,"
tool 0 worker -v
says "worker.steps"
tool 0 worker -j -v
says_json 'j["workers"][0]["steps"] > 0 and "tcp.segments_in" in j["workers"][0]["counters"]'
tool 2 worker 0

sleep 0.3
tool 0 mem
says "^EAL: ordinary memory"
says "^packets +all +[0-9]+ +[0-9]+"
says "^receive budget +0 +0 "
tool 0 mem -j
says_json '[m for m in j["memory"] if m["name"] == "packets"][0]["size"] > 1000'

tool 0 cfg
says '^\* net.ip +10.77.0.1/24'
says '^  tcp.retries +7'
tool 0 cfg list -j
says_json '{o["name"]: o["value"] for o in j["options"]}["net.name"] == "loop"'
tool 0 cfg get net.ip6
says '^fd77::1/64$'
tool 1 cfg get net.nothing
warns "invalid option name: net.nothing"
tool 0 cfg set tcp.retries 5
tool 0 cfg get tcp.retries
says '^5$'
tool 1 cfg set net.ip 10.0.0.1
warns "failed to set cfg opt: net.ip: try to set a readonly option"
tool 1 cfg set tcp.retries many
warns "tcp.retries: invalid option value"
tool 1 cfg set tcp.nothing 1
warns "invalid option name: tcp.nothing"
tool 2 cfg set tcp.retries
tool 2 cfg unset tcp.retries
tool 2 cfg set -t soon tcp.retries 5

tool 0 port -v
says "^port 0: .*link up"
tool 0 port -j
says_json 'j["ports"][0]["mtu"] == 1500 and j["ports"][0]["link"] == "up"'

tool 0 neigh add 10.77.0.9 02:00:00:00:00:09
tool 0 neigh
says "^10.77.0.9 +02:00:00:00:00:09 port 0 permanent"
tool 0 neigh list -j
says_json 'j["neighbours"][0]["state"] == "permanent"'
tool 0 neigh del 10.77.0.9
tool 0 neigh
says_not "10.77.0.9"
tool 1 neigh del 10.77.0.9
tool 1 neigh add 10.77.0.9 zebra
warns "no MAC address"
tool 2 neigh fetch

tool 0 route add 10.78.0.0/16 via 10.77.0.9
tool 1 route add 10.78.0.0/16 via 10.77.0.9
warns "exists"
tool 0 route del 10.78.0.0/16
tool 1 route add everything
tool 2 route
tool 0 address add 10.79.0.1/24
tool 0 address del 10.79.0.1
tool 1 address del 10.79.0.1
tool 0 link down
tool 0 port
says "link down"
tool 0 link up
tool 1 link sideways

tool 0 pktfuzz
says "rx: off"
tool 0 pktfuzz drop 1% delay 5ms rx
says "rx: drop=10000ppm delay=5ms"
says "tx: off"
tool 0 port
says " pktfuzz$"
tool 0 pktfuzz off
says_not "drop"
tool 1 pktfuzz drop
tool 1 pktfuzz drop 200%
tool 1 pktfuzz drop 1% port 9
warns "port 9"

(cd "$SCRATCH" && timeout 20 "$TPA" capture start "a file.pcapng") >"$SCRATCH/out" 2>"$SCRATCH/err"
STATUS=$? LINE="tpa capture start"
says "capturing to $SCRATCH/a file.pcapng"
[ -s "$SCRATCH/a file.pcapng" ] || fail "no capture file"
tool 1 capture start "$SCRATCH/other"
tool 0 capture stop
tool 1 capture stop
tool 1 capture start /dev/null/file
tool 2 capture

tool 0 ss -n 1
says "^ +0 +[1-9][0-9]+ "
tool 0 ss -n 1 -v
says "worker.steps"
tool 2 ss -n often
tool 2 ss -d 0
tool 1 st 0
warns "no trace of sock 0"
tool 2 st
tool 2 st x

# ---- Two of them ----

starts "$SCRATCH/second.log" "$TECHO" 5679
SECOND=$STARTED
tool 1 sk -a
warns "choose one with -i"
warns "techo-$SECOND"
tool 0 sk -a -i "techo-$SECOND"
says ':5679 '
tool 0 -i techo sk -a
says ':5678 '
tool 1 sk -i teapot
warns 'no instance "teapot"'
kill -TERM "$SECOND"
wait "$SECOND"
CHECKS=$((CHECKS + 1))
[ ! -e "$TPA_ROOT_PREFIX/techo-$SECOND" ] || fail "it left its files at an ordinary exit"

# ---- Stuck ----

kill -STOP "$FIRST"
sleep 1.5
tool 0 sk -a
says ':5678 '
warns "worker 0: no step for [1-9]"
tool 0 worker
says "^worker 0: stuck"
tool 0 cfg get net.ip
says "10.77.0.1"
tool 1 cfg set -t 1 tcp.retries 6
warns "did not answer within 1 s"
kill -CONT "$FIRST"
sleep 0.3
tool 0 cfg get tcp.retries
says '^5$' # what nobody waits for any more is not done
tool 0 worker
says "^worker 0: running"

# ---- Dead ----

kill -KILL "$FIRST"
wait "$FIRST" 2>/dev/null
tool 0 list
says "^techo .*dead"
tool 0 sk -a
says ':5678 '
warns "techo .*process $FIRST.* died"
tool 0 worker -j
says_json 'not j["alive"] and j["workers"][0]["state"] == "dead"'
tool 0 mem
tool 0 cfg
tool 1 pktfuzz off
warns "is dead"
tool 1 ss -n 1
starts "$SCRATCH/third.log" "$TECHO" 5680
THIRD=$STARTED
tool 0 sk -a # in the place of the dead one
says ':5680 '
starts "$SCRATCH/fourth.log" "$TECHO" 5682
FOURTH=$STARTED
kill -KILL "$FOURTH"
wait "$FOURTH" 2>/dev/null
tool 0 list
says "^techo-$FOURTH .*dead"
tool 0 sk -a # a dead one does not make it ambiguous
says ':5680 '
starts "$SCRATCH/fifth.log" "$TECHO" 5683
tool 0 list
says_not "techo-$FOURTH"
says "^techo-$STARTED .*alive"
kill -TERM "$STARTED"
wait "$STARTED"
kill -KILL "$THIRD"
wait "$THIRD" 2>/dev/null
tool 0 list -c
tool 0 list
says_not "techo"

# ---- Files that nobody wrote ----

mkdir -p "$TPA_ROOT_PREFIX/junk" && head -c 100000 /dev/urandom >"$TPA_ROOT_PREFIX/junk/state"
tool 1 sk
tool 1 sk -i junk
tool 0 list

# ---- Where nothing can be written ----

TPA_ROOT_PREFIX=/dev/null/tpa starts "$SCRATCH/blind.log" "$TECHO" 5681
CHECKS=$((CHECKS + 1))
[ "$(grep -c "the tpa tool won't see this program" "$SCRATCH/blind.log")" = 1 ] ||
    fail "one line of warning: $(cat "$SCRATCH/blind.log")"
kill -TERM "$STARTED"

verdict
