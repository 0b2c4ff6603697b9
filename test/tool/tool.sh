# shellcheck shell=bash
# What the tests of the tool share; to be sourced (bash). Expects TPA, the tool.

SCRATCH=$(mktemp -d "${TEST_TMPDIR:-/tmp}/tool.XXXXXX")
export TPA_ROOT_PREFIX=$SCRATCH/root
export XDG_RUNTIME_DIR=$SCRATCH
PROGRAMS=()
FAILED=0
CHECKS=0

finish()
{
    for program in "${PROGRAMS[@]}"; do
        kill -CONT "$program" 2>/dev/null
        kill -KILL "$program" 2>/dev/null
    done
    wait 2>/dev/null
    rm -rf "$SCRATCH"
}

fail()
{
    FAILED=$((FAILED + 1))
    echo "FAILED: $1"
    echo "    exit $STATUS"
    sed 's/^/    out: /' "$SCRATCH/out"
    sed 's/^/    err: /' "$SCRATCH/err"
}

# tool STATUS WORD...: runs the tool, which has to end with that status.
tool()
{
    local expected=$1
    shift
    LINE="tpa $*"
    timeout 20 "$TPA" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null
    STATUS=$?
    CHECKS=$((CHECKS + 1))
    [ $STATUS -eq "$expected" ] || fail "$LINE: exit $STATUS, not $expected"
}

# What the last call printed has to match, on standard output (says) or standard error (warns).
says()
{
    CHECKS=$((CHECKS + 1))
    grep -Eq -- "$1" "$SCRATCH/out" || fail "$LINE: does not say \"$1\""
}

says_not()
{
    CHECKS=$((CHECKS + 1))
    ! grep -Eq -- "$1" "$SCRATCH/out" || fail "$LINE: says \"$1\""
}

warns()
{
    CHECKS=$((CHECKS + 1))
    grep -Eq -- "$1" "$SCRATCH/err" || fail "$LINE: does not warn \"$1\""
}

# One line of JSON, of which a Python expression over j is true.
says_json()
{
    CHECKS=$((CHECKS + 1))
    python3 -c 'import json, sys
j = json.loads(sys.stdin.read())
sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" <"$SCRATCH/out" || fail "$LINE: not: $1"
}

# starts LOG PROGRAM WORD...: in the background, until it is ready; sets STARTED.
starts()
{
    local log=$1
    shift
    "$@" >"$log" 2>&1 &
    STARTED=$!
    PROGRAMS+=("$STARTED")
    for _ in $(seq 200); do
        grep -q "listening" "$log" 2>/dev/null && return 0
        kill -0 $STARTED 2>/dev/null || break
        sleep 0.05
    done
    echo "does not start: $*"
    cat "$log"
    exit 1
}

verdict()
{
    echo "$CHECKS checks, $FAILED failed"
    [ $FAILED -eq 0 ]
}
