#!/bin/sh
# Builds the plugin for NVIDIA's GPUs into $CARGO_TARGET_DIR/cuda, with the CUDA toolkit
# that scripts/cuda-toolkit.sh finds or fetches; no GPU is needed. With --probe, says
# whether that can be done: its last line is why not. Other arguments are a command of
# cargo to run in the same way: `sh build-cuda.sh test --release --locked`.
# With TRAINMARK_QUICK_KERNELS=1 the code is hardly optimised, into …/cuda-quick: sooner there for
# who only wants to know whether it builds, and nothing to be timed.
set -eu
unset CDPATH
cd "$(dirname "$0")"
[ "${1:-}" != --probe ] || exec sh ../../scripts/cuda-toolkit/probe.sh
CUDA_HOME=$(sh ../../scripts/cuda-toolkit.sh)
export CUDA_HOME
echo "CUDA toolkit: $CUDA_HOME"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-../../target}/cuda"
if [ -n "${TRAINMARK_QUICK_KERNELS:-}" ]; then
    export CARGO_TARGET_DIR="$CARGO_TARGET_DIR-quick" CARGO_PROFILE_RELEASE_OPT_LEVEL=0
fi
[ $# -gt 0 ] || set -- build --release --locked --lib
command=$1
shift
exec cargo "$command" --package trainmark-handwritten --features cuda "$@"
