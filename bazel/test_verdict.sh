#!/bin/bash
# Runs a test program (.bazelrc: --run_under) and fails it where Criterion alone would pass it: when
# no test was found in it, and when a test's process died after its last assertion, which is what
# the leak checker does. Criterion's own account of each test becomes Bazel's test.xml.
set -u

log=${TEST_TMPDIR:?run by bazel test only}/test_verdict.log
export CRITERION_OUTPUTS=xml:${XML_OUTPUT_FILE:?run by bazel test only}

# Criterion itself never frees what it reads from its environment.
echo "leak:criterion_handle_args" >"$TEST_TMPDIR/lsan.supp"
export LSAN_OPTIONS=suppressions=$TEST_TMPDIR/lsan.supp:print_suppressions=0

"$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

if grep -qE 'Synthesis: Tested: (\S*m)?0\b' "$log" && ! grep -q '^skipped: ' "$log"; then
    echo "test_verdict: there is no test in this program"
    exit 1
fi
if grep -qE 'crashed during its setup or teardown|ERROR: LeakSanitizer' "$log"; then
    echo "test_verdict: a test leaked, or crashed in its setup or teardown"
    exit 1
fi
exit "$status"
