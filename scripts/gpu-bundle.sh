#!/usr/bin/env bash
# Makes target/gpu-bundle.tar.xz: everything that scripts/gpu-check.sh and scripts/gpu-lease.sh
# need on a machine with a GPU and neither cargo nor network. It holds the program, the
# backends' libraries for CPU and CUDA, programs that time the hand-written kernels, and
# Fashion-MNIST, laid out like this repository, so that the program finds them as it finds the
# repository's. Needs what building the backends needs, but no GPU.
# Usage: scripts/gpu-bundle.sh
#        scripts/gpu-bundle.sh --variant NAME   the hand-written backend alone, into
#            target/gpu-variants/NAME, for `gpu-lease.sh OUT --compare plain …/NAME`
# With TRAINMARK_QUICK_KERNELS=1 it is target/gpu-bundle-quick.tar.xz, to see that it can be made:
# the program in it is that of `cargo run`, and what is for CUDA is hardly optimised.
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse --variant "$@"
cd "$(dirname "$0")/.."

# Of the archive and the checkout's files together, which are what is sent to a rented machine.
limit_mib=60
# A driver of an older CUDA refuses PTX of a newer toolkit, and candle and dfdx bring PTX.
oldest_cuda=13.0
# What is only to show that it can be made is not taken for one to run.
quick=${TRAINMARK_QUICK_KERNELS:+-quick}
archive=target/gpu-bundle$quick.tar.xz
cuda=cuda$quick/release
builds=$PWD/target/backends
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/gpu-bundle
mkdir -p "$bundle/harness" "$bundle/backends" "$bundle/data" "$bundle/tools"

fail() {
    echo "error: $*" >&2
    exit 1
}

command -v xz >/dev/null || fail "xz is not there, which packs the bundle: apt-get install xz-utils"

build() {
    local name=$1
    echo "building $1 for $2" >&2
    (cd "backends/$1" && shift 2 && CARGO_TARGET_DIR="$builds/$name" sh "$@")
}

# The libraries of a backend: KIND=FILE …, KIND a device or several with a comma between.
pack() {
    local name=$1 place=$bundle/backends/$1
    shift
    mkdir -p "$place"
    sed '/^$/,$d' "backends/$name/backend.toml" >"$place/backend.toml"
    local pair kinds library
    for pair in "$@"; do
        kinds=${pair%%=*}
        library=lib$name-${kinds//,/-}.so
        strip --strip-unneeded -o "$place/$library" "$builds/$name/${pair#*=}"
        cat >>"$place/backend.toml" <<END

[[artifact]]
devices = ["${kinds//,/\", \"}"]
build = ["true"]
library = "$library"
inputs = ["$library"]
END
    done
}

# The hand-written backend for CUDA, with its programs: the library, and in FOLDER the programs.
handwritten() {
    local name programs=(epoch)
    [ ! -f backends/handwritten/examples/kernels.rs ] || programs+=(kernels)
    build handwritten cuda build-cuda.sh build --release --locked --lib "${programs[@]/#/--example=}"
    for name in "${programs[@]}"; do
        strip -o "$1/$name-handwritten" "$builds/handwritten/$cuda/examples/$name"
    done
}

revision() { git describe --always --dirty --abbrev=12 --exclude='*'; }

if [ "${1:-}" = --variant ]; then
    [ -n "${2:-}" ] || fail "name the variant: $0 --variant NAME"
    folder=target/gpu-variants/$2
    mkdir -p "$folder"
    handwritten "$work"
    strip --strip-unneeded -o "$folder/libtrainmark_handwritten.so" \
        "$builds/handwritten/$cuda/libtrainmark_handwritten.so"
    mv "$work/epoch-handwritten" "$folder"
    revision >"$folder/REVISION"
    echo "$folder: $(du -k "$folder" | cut -f 1) KiB"
    exit
fi
if [ $# != 0 ]; then
    echo "error: $1 is not known; see $0 --help" >&2
    exit 2
fi

if [ -n "$quick" ]; then profile=dev folder=debug; else profile=release folder=release; fi
cargo build --profile $profile --locked
program=target/$folder/trainmark
strip -o "$bundle/harness/trainmark" $program

# What `bench` builds for the CPU, then the libraries for CUDA.
$program check all@cpu --workload softmax --dataset synthetic >"$work/check.log" ||
    { cat "$work/check.log" >&2; exit 1; }
handwritten "$bundle/tools"
for name in candle dfdx; do build "$name" cuda build-cuda.sh; done
for name in candle dfdx handwritten; do
    pack "$name" "cpu=release/libtrainmark_$name.so" "cuda=$cuda/libtrainmark_$name.so"
done
pack tch "cpu,cuda=release/libtrainmark_tch.so"

# Where `data fetch` puts the four files.
source=${TRAINMARK_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/trainmark/fashion-mnist}
[ -f "$source/train-images-idx3-ubyte.gz" ] ||
    fail "no Fashion-MNIST in $source; run \`cargo run -- data fetch\`, or set TRAINMARK_DATA"
cp "$source"/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz "$bundle/data"
cp -r scripts/gpu-check.sh scripts/gpu-lease.sh scripts/help.sh scripts/gpu "$bundle"
revision >"$bundle/REVISION"
# 13.0 of 13000.
toolkit=$(awk '/^#define CUDA_VERSION / { printf "%d.%d\n", $3 / 1000, $3 % 1000 / 10; exit }' \
    "$(scripts/cuda-toolkit.sh)/include/cuda.h")
echo "$toolkit" >"$bundle/TOOLKIT"

# Each library for CUDA holds much that its programs and that of the CPU hold too, which gzip,
# with a window of 32 KiB, packs again: 11 MiB more.
XZ_OPT=-T0 tar -C "$work" -cJf "$archive" gpu-bundle
size=$(stat -c %s "$archive")
tracked=$(git ls-files -z | xargs -0 stat -c %s | awk '{ sum += $1 } END { print sum }')
mib() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }
echo "$archive: $(mib "$size"), with the checkout's $(mib "$tracked") $(mib $((size + tracked)))"
if [ "$toolkit" != "$oldest_cuda" ]; then
    echo "warning: built with CUDA $toolkit, so a driver of CUDA $oldest_cuda refuses candle and dfdx;" \
        "let CUDA_HOME name a toolkit of $oldest_cuda, or unset it and take nvcc off the PATH" >&2
fi
if [ $((size + tracked)) -gt $((limit_mib * 1048576)) ]; then
    fail "archive and checkout together must stay under $limit_mib MiB"
fi
