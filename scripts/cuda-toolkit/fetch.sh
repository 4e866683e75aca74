#!/bin/sh
# fetch.sh PIP FOLDER: makes a CUDA toolkit in FOLDER of NVIDIA's wheels, which is there
# only once it is whole: an interrupted fetch and one at the same time do no harm.
# PIP is a command, or `PYTHON -m venv` where it is to be made first.
set -eu
unset CDPATH
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/cuda-toolkit/folder.sh
. "$here/folder.sh"
# shellcheck source=scripts/pip/fetch.sh
. "$here/../pip/fetch.sh"
pip=$1
folder=$2

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# shellcheck disable=SC2046 # the words are to be split
set -- $(wheels)
megabytes=$1
shift
platforms=
for platform; do platforms="$platforms --platform $platform"; done

parent=$(dirname "$folder")
mkdir -p "$parent" || fail "CUDA $VERSION cannot be kept in $parent; make it writable, or set CUDA_HOME"
# What a fetch left behind that was killed.
for left in "$folder".fetching.*; do
    if [ -d "$left" ] && ! kill -0 "${left##*.}" 2>/dev/null; then rm -rf "$left"; fi
done
# It may have been taken since it was looked at.
if reason=$(without_room $NEEDED_MB "$parent"); then
    fail "fetching CUDA $VERSION $reason; make room, or set CUDA_HOME or XDG_CACHE_HOME"
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
            fail "\`$pip\` makes no virtual environment to fetch CUDA $VERSION with: $(tail -n 1 \
"$staging/venv.log"); install pip, such as Debian's python3-pip, or set CUDA_HOME"
        call_pip() { "$staging/venv/bin/pip" "$@"; }
        ;;
esac

echo "CUDA $VERSION: fetching $megabytes MB through pip into $folder"
report_fetch "CUDA $VERSION" "$staging/temporary" "$megabytes" &
reporter=$!
# shellcheck disable=SC2086 # the words are to be split
if ! call_pip install --disable-pip-version-check --no-input --no-cache-dir --no-compile --progress-bar off \
    --no-deps --only-binary=:all: --require-hashes --requirement "$here/requirements.txt" \
    --python-version 3.11 --implementation cp --abi cp311 --abi none $platforms \
    --target "$staging/whole" >"$staging/pip.log" 2>&1; then
    reason=$(reason_of_pip "$staging/pip.log")
    sed 's/^/pip: /' "$staging/pip.log"
    fail "CUDA $VERSION could not be fetched: ${reason:-pip failed}; try again with a network that reaches the \
package index, or set CUDA_HOME to the folder of a CUDA toolkit $VERSION"
fi
kill "$reporter" 2>/dev/null || true
reporter=
sed 's/^/pip: /' "$staging/pip.log"

whole=$staging/whole/nvidia/cu13
[ -d "$whole" ] || fail "the wheels of CUDA $VERSION hold no nvidia/cu13; set CUDA_HOME to the folder of a CUDA toolkit"
(
    cd "$whole"
    # Not asked for by any backend.
    rm -f lib/libnvblas.so.* lib/libnvrtc.alt.so.* lib/libnvrtc-builtins.alt.so.* lib/libnvrtc*_static*.a
    # What a linker looks for is not in the wheels.
    for library in lib/*.so.*; do
        name=${library##*/}
        plain=lib/${name%%.so.*}.so
        [ -e "$plain" ] || ln -s "$name" "$plain"
    done
    [ -e lib64 ] || ln -s lib lib64
    chmod +x bin/* nvvm/bin/*
)
sh "$here/stubs.sh" "$whole" || fail "no stub of libcuda can be made; cc said why"
if reason=$(unusable "$whole"); then
    fail "the CUDA toolkit that was fetched $reason; set CUDA_HOME to the folder of a CUDA toolkit $VERSION"
fi
: >"$whole/$MARKER"
# Nothing is there, what is there is not whole, or another fetch was quicker.
[ -f "$folder/$MARKER" ] || rm -rf "$folder"
if [ -d "$folder" ] || ! mv "$whole" "$folder"; then
    [ -f "$folder/$MARKER" ] || fail "CUDA $VERSION cannot be kept in $folder; make it writable, or set CUDA_HOME"
fi
# `mv` moves into a folder that has come to be in between.
rm -rf "$folder/cu13"
echo "CUDA $VERSION: $(du -sk "$folder" | awk '{ print int($1 / 1024) }') MB in $folder"
