#!/bin/sh
# Prints for which GPUs to compile, such as 90: what CUDA_COMPUTE_CAP says, else the
# lowest compute capability of the GPUs here, else that of Hopper (H100, H200).
set -eu
if [ -n "${CUDA_COMPUTE_CAP:-}" ]; then
    printf '%s\n' "$CUDA_COMPUTE_CAP"
    exit 0
fi
lowest=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
    tr -d '. ' | grep -E '^[0-9]+$' | sort -n | head -n 1) || lowest=
printf '%s\n' "${lowest:-90}"
