#!/bin/sh
# Builds the plugin into CARGO_TARGET_DIR, with tch as the folder in versions/ says from which it
# is run, else as the one beside this script, and with a libtorch that libtorch.sh finds or
# fetches; with --probe, says whether that can be done: its last line is why not.
set -eu
unset CDPATH
backend=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=backends/tch/folder.sh
. "$backend/folder.sh"
if [ "${1:-}" = --probe ]; then
    # The harness puts its own words before the reason.
    if reason=$(sh "$backend/libtorch.sh" --probe 2>&1); then exit 0; fi
    printf '%s\n' "$reason" | sed 's/^error: //'
    exit 1
fi
LIBTORCH=$(sh "$backend/libtorch.sh")
export LIBTORCH
echo "libtorch: $LIBTORCH"
keep_environment "$LIBTORCH" "${CARGO_TARGET_DIR:-$PWD/target}"
# They would send torch-sys elsewhere.
unset LIBTORCH_USE_PYTORCH LIBTORCH_INCLUDE LIBTORCH_LIB LIBTORCH_STATIC LIBTORCH_CXX11_ABI
exec cargo build --release --locked --lib
