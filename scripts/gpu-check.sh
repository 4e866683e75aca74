#!/usr/bin/env bash
# Checks and times every backend on a machine with an NVIDIA GPU, from the bundle that
# scripts/gpu-bundle.sh makes: no cargo and no network. First the proof that each computes
# the same function, on the CPU and on the GPU; then five epochs with five seeds.
# Usage: scripts/gpu-check.sh RESULTS [BUNDLE]
#   RESULTS  folder for what comes out: machine.txt, check.txt, bench.txt, runs/
#   BUNDLE   the archive, or the folder it was unpacked to
#            [default: target/gpu-bundle.tar.xz of this checkout, or this script's folder]
# Exit code: 0 all passed; 1 a check or a run failed; 2 it could not begin.
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"

fail() {
    echo "error: $*" >&2
    exit 2
}

[ $# -ge 1 ] || fail "name the folder for the results: $0 RESULTS [BUNDLE]"
here=$(cd "$(dirname "$0")" && pwd)
device=${TRAINMARK_DEVICE:-cuda:0}
# shellcheck source=scripts/gpu/common.sh
. "$here/gpu/common.sh"
fresh_folder "$1" machine.txt || fail "$reason"
results=$(cd "$1" && pwd)

has_driver || fail "no NVIDIA driver on this machine; install one for CUDA 13"
find_driver
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
find_bundle "${2:-}" "$here" "$temporary" || fail "$reason"
link_libraries || fail "CUDA's libraries cannot be linked to in $bundle; make it writable"
cd "$bundle"
program=$bundle/harness/trainmark
data=(--data-dir "$bundle/data" --dataset fashion-mnist --offline)

{
    date -u +%Y-%m-%dT%H:%M:%SZ
    echo "bundle of revision $(cat REVISION)"
    uname -srm
    nvidia-smi 2>&1 || echo "nvidia-smi is not here"
    "$program" doctor 2>&1 || true
} | tee "$results/machine.txt"

status=0
echo "== every backend against the reference, on the CPU and on $device"
"$program" check all --device "cpu,$device" "${data[@]}" 2>&1 | tee "$results/check.txt" || status=1

echo "== five epochs, five seeds, on $device"
"$program" bench all --device "$device" --epochs 5 --seeds 5 --budget 30m --out "$results/runs" "${data[@]}" 2>&1 |
    tee "$results/bench.txt" || status=1
exit $status
