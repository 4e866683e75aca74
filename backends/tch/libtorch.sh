#!/bin/sh
# Prints the folder of a libtorch of the version that tch is made for, the tch of the folder in
# versions/ from which this is run, else that beside this script:
#   1. LIBTORCH, which must be of that version;
#   2. the torch of a Python on the PATH, looked at but not run;
#   3. that of an environment which trainmark has made for a backend in Python;
#   4. the one fetched before, in trainmark's cache;
#   5. one that pip fetches into that cache now.
# On a machine with an NVIDIA driver (see wants_cuda in folder.sh) the one found or fetched
# has CUDA; one without is only taken where none with CUDA can be had.
# With --probe it fetches nothing, and only says whether there is a way to one.
# What cannot be is told in one line that starts with "error: ".
set -eu
unset CDPATH
backend=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=backends/tch/folder.sh
. "$backend/folder.sh"
# shellcheck source=scripts/pip/fetch.sh
. "$backend/../../scripts/pip/fetch.sh"

probe=no
[ "${1:-}" != --probe ] || probe=yes
cuda=no
if wants_cuda; then cuda=yes; fi
case $cuda in yes) title="libtorch $VERSION with CUDA" ;; no) title="libtorch $VERSION" ;; esac
# A libtorch that would do, but for CUDA.
spare=

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $*"
    exit 1
}
# There is no way to the libtorch that is wanted.
lack() {
    [ -n "$spare" ] || fail "$*"
    say "$spare is taken, for the CPU only: $*"
    take "$spare"
}
take() {
    printf '%s\n' "$1"
    exit 0
}

from_environment() {
    if reason=$(unusable "$LIBTORCH"); then
        fail "LIBTORCH=$LIBTORCH $reason; set it to a libtorch $VERSION, or unset it and one is found or fetched"
    fi
    if [ $cuda = yes ] && reason=$(without_cuda "$LIBTORCH"); then
        say "LIBTORCH=$LIBTORCH $reason: it serves the CPU only"
    fi
    take "$LIBTORCH"
}

# One line for each Python on the PATH: its name, how it can come by pip (`pip`, `venv`
# or `-`), and the folder of its torch, if any.
pythons() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python; do
        command -v $name >/dev/null || continue
        # find_spec imports nothing. A version manager's stand-in is there, but fails.
        $name -c '
import sys
from importlib.util import find_spec
if sys.version_info >= (3, 9):
    way = "pip" if find_spec("pip") else "venv" if find_spec("ensurepip") and find_spec("venv") else "-"
    torch = find_spec("torch")
    print(sys.argv[1], way, *(torch.submodule_search_locations or [])[:1] if torch else [])
' $name 2>/dev/null || true
    done
}

from_python() {
    while read -r name _ folder; do
        [ -n "$folder" ] || continue
        if reason=$(unusable "$folder"); then
            say "passing over the torch of $name: $folder $reason"
        elif [ $cuda = yes ] && reason=$(without_cuda "$folder"); then
            say "passing over the torch of $name: $folder $reason"
            spare=${spare:-$folder}
        else
            take "$folder"
        fi
    done <<END
$pythons
END
}

# NVIDIA's own libraries are there only where it was made for CUDA: else stubs are in their place.
from_environments() {
    for marker in "$cache"/python/*/complete; do
        [ -f "$marker" ] || continue
        for folder in "${marker%complete}"lib/python3.*/site-packages; do
            [ -d "$folder/torch" ] || continue
            if reason=$(unusable "$folder/torch"); then
                say "passing over the torch of an environment: $folder/torch $reason"
            elif [ $cuda = yes ] && [ ! -e "$folder/nvidia/cudnn" ]; then
                spare=${spare:-$folder/torch}
            else
                take "$folder/torch"
            fi
        done
    done
}

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

[ -z "${LIBTORCH:-}" ] || from_environment
pythons=$(pythons)
from_python
cache=$(cache) || lack "$title is not here, and neither HOME nor XDG_CACHE_HOME says where to keep one; set HOME, \
or LIBTORCH to the folder of a libtorch $VERSION"
from_environments
fetched=$cache/libtorch-$VERSION
with_cuda=$fetched-cuda
[ ! -f "$fetched/$MARKER" ] || [ $cuda = yes ] || take "$fetched/torch"
[ ! -f "$with_cuda/$MARKER" ] || take "$with_cuda/torch"
[ ! -f "$fetched/$MARKER" ] || spare=${spare:-$fetched/torch}
kind=
if [ $cuda = yes ]; then
    kind=cuda
    fetched=$with_cuda
fi
[ -z "${TRAINMARK_OFFLINE:-}" ] || lack "$title is not here and --offline forbids fetching it; build once without \
--offline, or set LIBTORCH to the folder of a libtorch $VERSION"
wheels $kind >/dev/null || lack "there is no wheel of $title for $(uname -sm); set LIBTORCH to the folder of one that \
you have built"
pip=$(pip_command)
if [ -z "$pip" ]; then
    if [ -n "$pythons" ]; then
        missing="${pythons%% *} has neither pip nor ensurepip; install one, such as Debian's python3-pip or python3-venv"
    else
        missing="there is no Python 3.9 or later and no pip; install them: Debian's python3-pip, Homebrew's python"
    fi
    lack "$title is not here, and pip must fetch it: $missing, or set LIBTORCH to the folder of a libtorch $VERSION"
fi
if reason=$(without_room "$(needed_mb "$kind")" "$cache"); then
    lack "$title is not here, and fetching it $reason; make room, or set LIBTORCH or XDG_CACHE_HOME"
fi
[ $probe = no ] || exit 0
wheels=$cache/wheels
python=$(printf '%s\n' "$pythons" | awk '{ print $1; exit }')
if [ -z "${TRAINMARK_WHEELS_LOCKED:-}" ] && [ -n "$python" ] && mkdir -p "$wheels" 2>/dev/null; then
    # What another build fetches meanwhile may be what is wanted here.
    export TRAINMARK_WHEELS_LOCKED=1
    exec "$python" "$backend/../../scripts/pip/locked.py" "$wheels/lock" sh "$backend/libtorch.sh"
fi
sh "$backend/fetch.sh" "$pip" "$fetched" $kind >&2 || {
    status=$?
    # Not where the user has interrupted it.
    if [ -z "$spare" ] || [ $status -ne 1 ]; then exit $status; fi
    say "$spare is taken, for the CPU only"
    take "$spare"
}
printf '%s\n' "$fetched/torch"
