#!/usr/bin/env bash
# Checks and times every backend on a machine with an NVIDIA GPU, from the bundle that
# scripts/gpu-bundle.sh makes: no cargo and no network. First the proof that each computes
# the same function, on the CPU and on the GPU; then five epochs with five seeds.
# Usage: scripts/gpu-check.sh RESULTS [BUNDLE]
#   RESULTS  folder for what comes out: machine.txt, check.txt, bench.txt, runs/
#   BUNDLE   the archive, or the folder it was unpacked to
#            [default: target/gpu-bundle.tar.gz of this checkout, or this script's folder]
# Exit code: 0 all passed; 1 a check or a run failed; 2 it could not begin.
set -euo pipefail

fail() {
    echo "error: $*" >&2
    exit 2
}

[ $# -ge 1 ] || fail "name the folder for the results: $0 RESULTS [BUNDLE]"
mkdir -p "$1"
results=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
device=${TRAINMARK_DEVICE:-cuda:0}
temporary=

# The folder of the bundle; an archive is unpacked.
find_bundle() {
    local given=${1:-}
    [ -n "$given" ] || { [ -x "$here/harness/trainmark" ] && given=$here; }
    [ -n "$given" ] || given=$here/../target/gpu-bundle.tar.gz
    if [ -f "$given" ]; then
        temporary=$(mktemp -d)
        trap 'rm -rf "$temporary"' EXIT
        tar -C "$temporary" -xzf "$given"
        given=$temporary/gpu-bundle
    fi
    [ -x "$given/harness/trainmark" ] || fail "no bundle in $given; make one with scripts/gpu-bundle.sh"
    bundle=$(cd "$given" && pwd)
}

# Folders in which a machine keeps CUDA's libraries: a toolkit's, and those of Python wheels.
cuda_folders() {
    local folder
    for folder in "${CUDA_HOME:-}" /usr/local/cuda; do
        [ -n "$folder" ] && printf '%s\n' "$folder/lib64" "$folder/lib"
    done
    local python
    for python in python3 python; do
        command -v "$python" >/dev/null || continue
        "$python" - <<'END' 2>/dev/null || true
from glob import glob
from importlib.util import find_spec
spec = find_spec("nvidia")
for root in spec.submodule_search_locations if spec else []:
    print(*glob(f"{root}/*/lib"), sep="\n")
END
    done
}

# The folder of a PyTorch's libraries, whose version the harness's worker checks by loading.
torch_folder() {
    local python
    for python in python3 python; do
        command -v "$python" >/dev/null || continue
        "$python" -c '
from importlib.util import find_spec
spec = find_spec("torch")
print(spec.submodule_search_locations[0] + "/lib" if spec else "")' 2>/dev/null && return
    done
}

# Gives the prebuilt libraries what they look for beside themselves.
link_libraries() {
    local shared=$bundle/cuda-libraries folder name
    mkdir -p "$shared"
    while read -r folder; do
        [ -d "$folder" ] || continue
        # The first folder that has a library serves it.
        find "$folder" -maxdepth 1 -name 'lib*.so*' ! -path '*/stubs/*' | while read -r name; do
            [ -e "$shared/${name##*/}" ] || ln -s "$name" "$shared/${name##*/}"
        done
    done < <(cuda_folders)
    for name in candle dfdx; do
        ln -sfn "$shared" "$bundle/backends/$name/cuda-libraries"
    done
    folder=$(torch_folder)
    [ -z "$folder" ] || ln -sfn "$folder" "$bundle/backends/tch/libtorch"
}

[ -e /proc/driver/nvidia/version ] || command -v nvidia-smi >/dev/null ||
    fail "no NVIDIA driver on this machine; install one for CUDA 13"
find_bundle "${2:-}"
link_libraries
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
