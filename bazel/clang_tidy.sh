#!/bin/bash
# clang_tidy <report to make> <configuration> <source> <compiler option>...
set -eu

report=$1 config=$2 source=$3
shift 3

if ! clang-tidy --quiet --config-file="$config" "$source" -- "$@" \
    >"$report" 2>"$report.errors"; then
    # Paths as the reader knows them, not as the sandbox does.
    sed "s|$PWD/||g" "$report" "$report.errors" >&2
    exit 1
fi
