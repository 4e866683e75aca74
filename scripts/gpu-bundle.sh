#!/usr/bin/env bash
# Makes target/gpu-bundle.tar.gz: everything that scripts/gpu-check.sh needs on a machine
# with a GPU and neither cargo nor network. It holds the program, the backends' libraries for
# CPU and CUDA, and Fashion-MNIST, laid out like this repository, so that the program finds
# them as it finds the repository's. Needs what building the backends needs, but no GPU.
# Usage: scripts/gpu-bundle.sh
set -euo pipefail
cd "$(dirname "$0")/.."

limit_mib=60
archive=target/gpu-bundle.tar.gz
builds=$PWD/target/backends
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/gpu-bundle
mkdir -p "$bundle/harness" "$bundle/backends" "$bundle/data"

build() {
    echo "building $1 for $2" >&2
    (cd "backends/$1" && CARGO_TARGET_DIR="$builds/$1" sh "./$3")
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

cargo build --release --locked
strip -o "$bundle/harness/trainmark" target/release/trainmark

# What `bench` builds for the CPU, then the libraries for CUDA.
target/release/trainmark check all@cpu --workload softmax --dataset synthetic >"$work/check.log" ||
    { cat "$work/check.log" >&2; exit 1; }
for name in candle dfdx handwritten; do
    build "$name" cuda build-cuda.sh
    pack "$name" "cpu=release/libtrainmark_$name.so" "cuda=cuda/release/libtrainmark_$name.so"
done
pack tch "cpu,cuda=release/libtrainmark_tch.so"

# Where `data fetch` puts the four files.
source=${TRAINMARK_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/trainmark/fashion-mnist}
[ -f "$source/train-images-idx3-ubyte.gz" ] || {
    echo "error: no Fashion-MNIST in $source; run \`cargo run -- data fetch\`, or set TRAINMARK_DATA" >&2
    exit 1
}
cp "$source"/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz "$bundle/data"
cp scripts/gpu-check.sh "$bundle"
git describe --always --dirty --abbrev=12 --exclude='*' >"$bundle/REVISION"

tar -C "$work" -czf "$archive" gpu-bundle
size=$(stat -c %s "$archive")
echo "$archive: $((size / 1048576)) MiB"
if [ "$size" -gt $((limit_mib * 1048576)) ]; then
    echo "error: it must be under $limit_mib MiB" >&2
    exit 1
fi
