#!/bin/sh
# fetch.sh PIP FOLDER [cuda]: fetches libtorch with pip into FOLDER, which is there only
# once it is whole: an interrupted fetch and one at the same time do no harm. Which libtorch,
# libtorch.sh says.
# PIP is a command, or `PYTHON -m venv` where it is to be made first.
# The wheels of the default version are kept beside FOLDER, in `wheels`, for a backend in Python
# that needs the same; they may be deleted.
set -eu
unset CDPATH
backend=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=backends/tch/folder.sh
. "$backend/folder.sh"
# shellcheck source=scripts/pip/fetch.sh
. "$backend/../../scripts/pip/fetch.sh"
pip=$1
folder=$2
kind=${3:-}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# shellcheck disable=SC2046 # the words are to be split
set -- $(wheels $kind)
megabytes=$1
shift
case $kind in
    cuda)
        requirements=$wanted/requirements-cuda.txt
        title="libtorch $VERSION with CUDA"
        ;;
    *)
        requirements=$wanted/requirements.txt
        title="libtorch $VERSION"
        ;;
esac
platforms=
for platform; do platforms="$platforms --platform $platform"; done

parent=$(dirname "$folder")
mkdir -p "$parent" || fail "$title cannot be kept in $parent; make it writable, or set LIBTORCH"
# What a fetch left behind that was killed.
for left in "$folder".fetching.*; do
    if [ -d "$left" ] && ! kill -0 "${left##*.}" 2>/dev/null; then rm -rf "$left"; fi
done
# It may have been taken since it was looked at.
if reason=$(without_room "$(needed_mb "$kind")" "$parent"); then
    fail "fetching $title $reason; make room, or set LIBTORCH or XDG_CACHE_HOME"
fi

staging=$folder.fetching.$$
reporter=
clean() {
    [ -z "$reporter" ] || kill "$reporter" 2>/dev/null || true
    rm -rf "$staging"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$staging" "$staging/temporary"
export TMPDIR="$staging/temporary"
# Settings of the user that contradict --target.
export PIP_USER=no PIP_REQUIRE_VIRTUALENV=no
# A connection that breaks is gone on with by a pip that can, which one that cannot ignores.
export PIP_RESUME_RETRIES=10

# shellcheck disable=SC2086 # the words are to be split
call_pip() { $pip "$@"; }
case $pip in
    *' -m venv')
        $pip "$staging/venv" >"$staging/venv.log" 2>&1 ||
            fail "\`$pip\` makes no virtual environment to fetch $title with: $(tail -n 1 \
"$staging/venv.log"); install pip, such as Debian's python3-pip, or set LIBTORCH"
        call_pip() { "$staging/venv/bin/pip" "$@"; }
        ;;
esac

# The wheel is that of the Python which a backend in Python would have it for; libtorch is the same in each.
python=${pip%% -m *}
served=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || served=
case $served in 3.1[0-4]) ;; *) served=3.11 ;; esac
# `pip ...` with what it is to do without a word on what it finds.
with_wheels() {
    # shellcheck disable=SC2086 # the words are to be split
    call_pip "$@" --disable-pip-version-check --no-input --no-cache-dir --progress-bar off \
        --no-deps --only-binary=:all: --require-hashes --requirement "$requirements" \
        --python-version "$served" --implementation cp --abi "cp$(printf %s "$served" | tr -d .)" --abi none \
        $platforms
}

wheels=$parent/wheels
mkdir -p "$wheels" || fail "$title cannot be kept in $parent; make it writable, or set LIBTORCH"
echo "$title: fetching $megabytes MB through pip into $folder"
report_fetch "$title" "$staging/temporary" "$megabytes" &
reporter=$!
if ! with_wheels download --find-links "$wheels" --dest "$staging/wheels" >"$staging/pip.log" 2>&1 ||
    ! with_wheels install --no-index --find-links "$staging/wheels" --no-compile \
        --target "$staging/whole" >>"$staging/pip.log" 2>&1; then
    reason=$(reason_of_pip "$staging/pip.log")
    sed 's/^/pip: /' "$staging/pip.log"
    fail "$title could not be fetched: ${reason:-pip failed}; try again with a network that reaches \
the package index, or set LIBTORCH to the folder of a libtorch $VERSION"
fi
kill "$reporter" 2>/dev/null || true
reporter=
sed 's/^/pip: /' "$staging/pip.log"

# Python's part is not needed, nor, but where it was asked for, CUDA's.
(
    cd "$staging/whole"
    rm -rf bin functorch torchgen nvidia/*/include
    for entry in torch/*; do
        case ${entry#torch/} in include | lib) ;; *) rm -rf "$entry" ;; esac
    done
    rm -rf torch/lib/*python* torch/lib/libshm*
    [ "$kind" = cuda ] || rm -rf torch/lib/*cuda* torch/lib/*nvrtc* torch/lib/*nvshmem*
)
if reason=$(unusable "$staging/whole/torch") ||
    { [ "$kind" = cuda ] && reason=$(without_cuda "$staging/whole/torch"); }; then
    fail "the libtorch that was fetched $reason; set LIBTORCH to the folder of a libtorch $VERSION"
fi
: >"$staging/whole/$MARKER"
# Nothing is there, what is there is not whole, or another fetch was quicker.
[ -f "$folder/$MARKER" ] || rm -rf "$folder"
if [ -d "$folder" ] || ! mv "$staging/whole" "$folder"; then
    [ -f "$folder/$MARKER" ] || fail "$title cannot be kept in $folder; make it writable, or set LIBTORCH"
fi
# Backends in Python have a use for the wheels of the default version's libtorch alone.
for wheel in "$staging"/wheels/*; do
    [ "$wanted" != "$backend" ] || [ ! -e "$wheel" ] || mv "$wheel" "$wheels/" || true
done
# `mv` moves into a folder that has come to be in between.
rm -rf "$folder/whole"
echo "$title: $(du -sk "$folder" | awk '{ print int($1 / 1024) }') MB in $folder"
