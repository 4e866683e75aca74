#!/bin/sh
# Builds the plugin for NVIDIA's GPUs into $CARGO_TARGET_DIR/cuda, with Candle as the folder in
# versions/ says from which it is run, else as the one beside this script, with the CUDA toolkit
# that scripts/cuda-toolkit.sh finds or fetches; no GPU is needed. With --probe, says
# whether that can be done: its last line is why not. Other arguments are a command of
# cargo to run in the same way: `sh build-cuda.sh test --release --locked`.
# With TRAINMARK_QUICK_KERNELS=1 kernels and code are hardly optimised, into …/cuda-quick: a few
# minutes less for who only wants to know whether it builds, and nothing to be timed.
set -eu
unset CDPATH
here=$(dirname "$0")
scripts=$here/../../scripts
[ "${1:-}" != --probe ] || exec sh "$scripts/cuda-toolkit/probe.sh"
CUDA_HOME=$(sh "$scripts/cuda-toolkit.sh")
CUDA_COMPUTE_CAP=$(sh "$scripts/cuda-toolkit/compute-cap.sh")
grep -qs '^name = "trainmark-candle"' Cargo.toml || cd "$here"
echo "CUDA toolkit: $CUDA_HOME, for compute capability $CUDA_COMPUTE_CAP"
# Only this toolkit is to be found by what looks for one.
unset CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR CUDNN_LIB
export CUDA_HOME CUDA_COMPUTE_CAP CUDA_PATH="$CUDA_HOME" PATH="$CUDA_HOME/bin:$PATH"
# Kernels that the plugin carries but never calls are most of its size.
export NVCC_APPEND_FLAGS="-Xfatbin=-compress-all --compress-mode=size"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cuda"
if [ -n "${TRAINMARK_QUICK_KERNELS:-}" ]; then
    NVCC_APPEND_FLAGS="$NVCC_APPEND_FLAGS -Xcicc -O1 -Xptxas -O1"
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR-quick"
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=0
fi
[ $# -gt 0 ] || set -- build --release --locked --lib
command=$1
shift
exec cargo "$command" --features cuda "$@"
