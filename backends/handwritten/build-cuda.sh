#!/bin/sh
# Builds the plugin for NVIDIA's GPUs into $CARGO_TARGET_DIR/cuda, with the CUDA toolkit
# that scripts/cuda-toolkit.sh finds or fetches; no GPU is needed. With --probe, says
# whether that can be done: its last line is why not. Other arguments are a command of
# cargo to run in the same way: `sh build-cuda.sh test --release --locked`.
set -eu
unset CDPATH
cd "$(dirname "$0")"
[ "${1:-}" != --probe ] || exec sh ../../scripts/cuda-toolkit/probe.sh
CUDA_HOME=$(sh ../../scripts/cuda-toolkit.sh)
export CUDA_HOME
echo "CUDA toolkit: $CUDA_HOME"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-../../target}/cuda"
[ $# -gt 0 ] || set -- build --release --locked --lib
command=$1
shift
exec cargo "$command" --package trainmark-handwritten --features cuda "$@"
