# What the scripts share: messages and the choice of Python. Sourced, never run.
# shellcheck shell=bash

# Progress goes to stderr: some scripts print a path that their caller reads.
say() { printf 'unkai: %s\n' "$*" >&2; }
die() {
    printf 'unkai: error: %s\n' "$*" >&2
    exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

# The distribution's Python before any other: only it can use the distribution's libvirt binding.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 "$(command -v python3 || true)"; do
        if [ -x "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "no Python 3.11 or newer found (Debian 12: apt-get install python3)"
}

# Where what the scripts make is kept: readable by the unprivileged user of the control plane when root makes it.
state_folder() {
    if is_root; then
        printf '/var/lib/unkai\n'
    else
        printf '%s/unkai\n' "${XDG_DATA_HOME:-$HOME/.local/share}"
    fi
}
