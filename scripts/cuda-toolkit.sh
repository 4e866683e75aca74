#!/bin/sh
# Prints a CUDA_HOME with bin/nvcc, include, lib, nvvm, and what stands for the driver
# where there is none: lib/libcuda.a and lib/stubs/libcuda.so (cuda-toolkit/stubs.sh):
#   1. CUDA_HOME or CUDA_PATH, which must hold CUDA 13;
#   2. the toolkit of an nvcc on the PATH, and /usr/local/cuda;
#   3. the one fetched before, in trainmark's cache;
#   4. one that pip fetches into that cache now (693 MB; NVIDIA's licence for the CUDA
#      toolkit holds for it: https://docs.nvidia.com/cuda/eula/).
# With --probe it fetches nothing, and only says whether there is a way to one.
# Usage: scripts/cuda-toolkit.sh [--probe]
# What cannot be is told in one line that starts with "error: ".
set -eu
unset CDPATH
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/cuda-toolkit/folder.sh
. "$here/cuda-toolkit/folder.sh"
# shellcheck source=scripts/pip/fetch.sh
. "$here/pip/fetch.sh"


say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

probe=no
case "${1:-}" in
    '') ;;
    --probe) probe=yes ;;
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) say "error: $1 is not known; see $0 --help" && exit 2 ;;
esac

# The same folder as the harness's.
cache() {
    case "${XDG_CACHE_HOME:-}" in
        /*) printf '%s\n' "$XDG_CACHE_HOME/trainmark" ;;
        *)
            [ -n "${HOME:-}" ] || return 1
            printf '%s\n' "$HOME/.cache/trainmark"
            ;;
    esac
}

# An installed toolkit may keep its libraries in lib64 only, and is not written to: what
# is printed is a folder of links to it, where they lie as promised.
print_installed() {
    cache=$(cache) || fail "neither HOME nor XDG_CACHE_HOME says where to keep links to the toolkit in $1; set HOME"
    links=$cache/cuda-links-$(printf '%s' "$1" | cksum | cut -d ' ' -f 1)
    case $1 in
        # One that this script has printed before.
        "$cache"/cuda-*) links=$1 ;;
        *) [ $probe = yes ] || sh "$here/cuda-toolkit/links.sh" "$1" "$links" >&2 ;;
    esac
    printf '%s\n' "$links"
    exit 0
}

from_environment() {
    reason=$(unusable "$2") || print_installed "$2"
    fail "$1=$2 $reason; set it to a CUDA toolkit $VERSION, or unset it and one is found or fetched"
}

from_system() {
    nvcc=$(command -v nvcc) || nvcc=
    [ -z "$nvcc" ] || nvcc=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
    for folder in "$nvcc" /usr/local/cuda /opt/cuda; do
        if [ -z "$folder" ] || [ ! -d "$folder" ]; then continue; fi
        reason=$(unusable "$folder") || print_installed "$folder"
        say "passing over the CUDA toolkit in $folder: it $reason"
    done
}

# One line for each Python on the PATH: its name, and how it can come by pip (`pip`,
# `venv` or `-`).
pythons() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python; do
        command -v $name >/dev/null || continue
        # find_spec imports nothing. A version manager's stand-in is there, but fails.
        $name -c '
import sys
from importlib.util import find_spec
if sys.version_info >= (3, 9):
    print(sys.argv[1], "pip" if find_spec("pip") else "venv" if find_spec("ensurepip") and find_spec("venv") else "-")
' $name 2>/dev/null || true
    done
}

# A way to call pip, or nothing: a Python's own, one in a virtual environment that
# has yet to be made, or a program of that name.
pip_command() {
    for way in pip venv; do
        name=$(printf '%s\n' "$pythons" | awk -v way=$way '$2 == way { print $1; exit }')
        if [ -n "$name" ]; then
            printf '%s -m %s\n' "$name" $way
            return
        fi
    done
    for name in pip3 pip; do
        if command -v $name >/dev/null && $name --version >/dev/null 2>&1; then
            printf '%s\n' $name
            return
        fi
    done
}

if [ -n "${CUDA_HOME:-}" ]; then from_environment CUDA_HOME "$CUDA_HOME"; fi
if [ -n "${CUDA_PATH:-}" ]; then from_environment CUDA_PATH "$CUDA_PATH"; fi
from_system
cache=$(cache) || fail "a CUDA toolkit $VERSION is not here, and neither HOME nor XDG_CACHE_HOME says where to \
keep one; set HOME, or CUDA_HOME to the folder of a CUDA toolkit $VERSION"
fetched=$cache/cuda-$VERSION
if [ -f "$fetched/$MARKER" ]; then
    printf '%s\n' "$fetched"
    exit 0
fi
[ -z "${TRAINMARK_OFFLINE:-}" ] || fail "a CUDA toolkit $VERSION is not here and --offline forbids fetching it; \
build once without --offline, or set CUDA_HOME to the folder of a CUDA toolkit $VERSION"
wheels >/dev/null || fail "there is no wheel of CUDA $VERSION for $(uname -sm); set CUDA_HOME to the folder of a \
CUDA toolkit $VERSION"
command -v cc >/dev/null || fail "fetching a CUDA toolkit $VERSION takes a C compiler for its stubs; install one, \
such as Debian's gcc, or set CUDA_HOME"
pythons=$(pythons)
pip=$(pip_command)
if [ -z "$pip" ]; then
    if [ -n "$pythons" ]; then
        missing="${pythons%% *} has neither pip nor ensurepip; install one, such as Debian's python3-pip or python3-venv"
    else
        missing="there is no Python 3.9 or later and no pip; install them: Debian's python3-pip, Homebrew's python"
    fi
    fail "a CUDA toolkit $VERSION is not here, and pip must fetch it: $missing, or set CUDA_HOME to the folder of \
a CUDA toolkit $VERSION"
fi
if reason=$(without_room $NEEDED_MB "$cache"); then
    fail "a CUDA toolkit $VERSION is not here, and fetching it $reason; make room, or set CUDA_HOME or XDG_CACHE_HOME"
fi
[ $probe = no ] || exit 0
sh "$here/cuda-toolkit/fetch.sh" "$pip" "$fetched" >&2
printf '%s\n' "$fetched"
