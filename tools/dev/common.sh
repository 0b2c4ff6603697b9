# shellcheck shell=bash
# What the commands of ./dev share. Sourced, with TPA_ROOT set and as working directory.

say() {
    printf ':: %s\n' "$*"
}

# die <what is wrong> [<what to do>]...
die() {
    printf 'dev: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '     %s\n' "$@" >&2
    exit 1
}

# The project's own files of a kind, generated ones excepted: project_files '*.c' '*.h'
project_files() {
    git ls-files --cached --others --exclude-standard -- "$@" |
        while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
}
