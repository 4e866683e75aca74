#!/usr/bin/env bash
# Holds burn to what it promises of Vulkan's devices: builds it for them, runs its tests, then asks for
# the row of a machine without a driver, with Mesa's software renderer alone and without a loader, and
# for the gate's checks of WORKLOADS (softmax) on wgpu:0, on Chromium's SwiftShader where there is no
# better. Needs Debian's libvulkan1 and mesa-vulkan-drivers, and half an hour the first time, for which
# it is no part of .ci/run; lenet-bn takes another quarter of an hour on SwiftShader.
# Usage: scripts/burn-wgpu.sh [WORKLOAD[,WORKLOAD...]]
# Exit code: 0 all as promised; 1 something is not; 2 it could not begin.
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"
cd "$(dirname "$0")/.."

lavapipe=/usr/share/vulkan/icd.d/lvp_icd.$(uname -m).json
swiftshader=/usr/lib/chromium/vk_swiftshader_icd.json
[ -e "$lavapipe" ] || { echo "error: $lavapipe is missing: install mesa-vulkan-drivers" >&2; exit 2; }
loader=$(ldconfig -p | sed -n 's/.*libvulkan\.so\.1 .*=> //p' | head -n 1)
[ -n "$loader" ] || { echo "error: libvulkan.so.1 is missing: install libvulkan1" >&2; exit 2; }
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

echo "== lint and test"
(
    cd backends/burn
    export CARGO_TARGET_DIR=../../target/backends/burn
    flags=(--profile wgpu --locked --no-default-features --features wgpu)
    cargo clippy "${flags[@]}" --all-targets -- -D warnings
    cargo test "${flags[@]}" --lib
)

cargo build --locked -p trainmark
check=(target/debug/trainmark check burn@wgpu:0 --dataset synthetic --workload)

# refused NAME REASON COMMAND...: run by it, the device is a row with that reason.
refused() {
    local told
    echo "== $1"
    if told=$("${@:3}" "${check[@]}" softmax 2>&1); then
        echo "passed, and should say: $2" >&2
        exit 1
    fi
    grep -F -m 1 "unavailable: $2" <<<"$told" || { printf '%s\n' "$told" >&2; exit 1; }
}
# The first check builds.
refused "without a driver" 'Vulkan lists no adapter: install ' env VK_DRIVER_FILES="$temporary/none.json"
refused "Mesa's software renderer" 'llvmpipe, ' env VK_DRIVER_FILES="$lavapipe"
# Workers have a library path of their own: an empty file in the loader's place, seen by this alone.
: >"$temporary/empty"
# shellcheck disable=SC2016
refused "without a loader" 'Vulkan lists no adapter: install ' \
    unshare --map-root-user --mount sh -c 'mount --bind "$0" "$1" && shift && "$@"' "$temporary/empty" "$loader"

echo "== the gate"
if target/debug/trainmark list | grep -E '^ +device +wgpu:0 +unavailable' && [ -e "$swiftshader" ]; then
    export VK_DRIVER_FILES=$swiftshader
fi
"${check[@]}" "${1:-softmax}"
