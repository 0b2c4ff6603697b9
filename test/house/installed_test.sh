#!/bin/bash
# A program outside Bazel builds against the installed library, statically and dynamically, and
# runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
readonly PROGRAM=examples/consumer/whole.c

# Word splitting is what pkg-config's output is for.
# shellcheck disable=SC2046
build_static() {
    cc -o "$prefix/static" "$PROGRAM" $(pkg-config --cflags --libs --static libtpa)
}

# shellcheck disable=SC2046
build_shared() {
    cc -o "$prefix/shared" "$PROGRAM" $(pkg-config --cflags --libs libtpa)
}

./dev install --prefix="$prefix"

for program in swing techo tperf tpa; do
    if ! [ -x "$prefix/bin/$program" ] || ldd "$prefix/bin/$program" | grep 'not found'; then
        echo "$program is not installed, or does not find its libraries"
        exit 1
    fi
done

build_static
if ldd "$prefix/static" | grep -q libtpa; then
    echo "the static program needs the shared library"
    exit 1
fi
"$prefix/static"

build_shared
LD_LIBRARY_PATH=$prefix/lib ldd "$prefix/shared" | grep -q 'libtpa.so.0 => ' || {
    echo "the shared program does not use libtpa.so.0"
    exit 1
}
LD_LIBRARY_PATH=$prefix/lib "$prefix/shared"
