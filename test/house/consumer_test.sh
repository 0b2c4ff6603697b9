#!/bin/bash
# A workspace of its own (examples/consumer) can depend on one crate, and on the whole.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Beside our own output base, so that a second run has little to do; its server ends with the test.
output_base=$(bazel info output_base 2>/dev/null)-consumer
cd examples/consumer

consumer_bazel() {
    bazel --output_base="$output_base" "$@"
}
trap 'consumer_bazel shutdown' EXIT

consumer_bazel build --jobs=2 --noshow_progress --ui_event_filters=-info //:wheel //:whole //:control
bin=$(consumer_bazel info bazel-bin 2>/dev/null)

if nm "$bin/wheel" | grep -q ' rte_'; then
    echo "the timer wheel alone brings DPDK with it"
    exit 1
fi
"$bin/wheel"
"$bin/whole"
"$bin/control"
