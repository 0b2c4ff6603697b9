#!/bin/bash
# Every name that the linker sees in libtpa.a and libtpa.so begins with tpa_.
set -u

failed=0

# check <file> <nm option>...: names the strangers among the symbols that <file> defines.
check() {
    local file=$1 symbols strangers
    shift
    # nm heads each object of an archive with a line that ends in a colon.
    symbols=$(nm --defined-only --format=posix "$@" "$file" | awk 'NF && !/:$/ { print $1 }')
    if [ -z "$symbols" ]; then
        echo "$file defines nothing"
        failed=1
        return
    fi
    strangers=$(grep -v '^tpa_' <<<"$symbols" | sort -u)
    if [ -n "$strangers" ]; then
        printf '%s defines names that do not begin with tpa_:\n%s\n' "$file" "$strangers"
        failed=1
        return
    fi
    echo "$file: $(wc -l <<<"$symbols") symbols, all tpa_*"
}

check "$1" --extern-only
check "$2" --extern-only --dynamic
exit "$failed"
