#!/bin/sh
# Builds the plugin for NVIDIA's GPUs into $CARGO_TARGET_DIR/cuda, with the CUDA toolkit
# that scripts/cuda-toolkit.sh finds or fetches; no GPU is needed. With --probe, says
# whether that can be done: its last line is why not. Other arguments are a command of
# cargo to run in the same way: `sh build-cuda.sh test --release --locked`.
# With TRAINMARK_QUICK_KERNELS=1 the code is hardly optimised, into …/cuda-quick: sooner there for
# who only wants to know whether it builds, and nothing to be timed.
# dfdx is built as it is: sum.patch concerns its code for the CPU.
set -eu
unset CDPATH
cd "$(dirname "$0")"
[ "${1:-}" != --probe ] || exec sh ../../scripts/cuda-toolkit/probe.sh
CUDA_HOME=$(sh ../../scripts/cuda-toolkit.sh)
CUDA_COMPUTE_CAP=$(sh ../../scripts/cuda-toolkit/compute-cap.sh)
echo "CUDA toolkit: $CUDA_HOME, for compute capability $CUDA_COMPUTE_CAP"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cuda"
if [ -n "${TRAINMARK_QUICK_KERNELS:-}" ]; then
    export CARGO_TARGET_DIR="$CARGO_TARGET_DIR-quick" CARGO_PROFILE_RELEASE_OPT_LEVEL=0
fi

# dfdx asks nvidia-smi for the first GPU's compute capability, and fails without one.
answers=$(mkdir -p "$CARGO_TARGET_DIR/answers" && cd "$CARGO_TARGET_DIR/answers" && pwd)
major=${CUDA_COMPUTE_CAP%?}
cat >"$answers/nvidia-smi.$$" <<END
#!/bin/sh
echo compute_cap
echo $major.${CUDA_COMPUTE_CAP#"$major"}
END
chmod +x "$answers/nvidia-smi.$$"
mv "$answers/nvidia-smi.$$" "$answers/nvidia-smi"

# Only this toolkit is to be found by what looks for one.
unset CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR CUDNN_LIB
export CUDA_HOME CUDA_COMPUTE_CAP CUDA_PATH="$CUDA_HOME" PATH="$answers:$CUDA_HOME/bin:$PATH"
[ $# -gt 0 ] || set -- build --release --locked --lib
command=$1
shift
exec cargo "$command" --features cuda "$@"
