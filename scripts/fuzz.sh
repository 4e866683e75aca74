#!/usr/bin/env bash
# Searches for bytes that break what reads foreign ones, guided by coverage: SECONDS (60) for
# each TARGET (all: the folders of tests/fuzz/corpus). What it learns stays in
# target/fuzz/corpus, what breaks a target in target/fuzz/broken.
# Usage: scripts/fuzz.sh [SECONDS [TARGET...]]
set -euo pipefail
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"
cd "$(dirname "$0")/.."

seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { echo "error: SECONDS is $seconds, no whole number" >&2; exit 2; }
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(tests/fuzz/corpus/*)

# Of a stable compiler: coverage without a sanitizer. The target is named so that build scripts
# are built without it.
host=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
export CARGO_TARGET_DIR=$PWD/target/fuzz
RUSTFLAGS=$flags cargo build --locked -p trainmark-fuzz --features guided --target "$host"

broken=0
for target in "${targets[@]##*/}"; do
    mkdir -p "target/fuzz/corpus/$target" "target/fuzz/broken/$target"
    echo "== $target, $seconds s"
    TRAINMARK_FUZZ=$target "target/fuzz/$host/debug/guided" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="target/fuzz/broken/$target/" \
        "target/fuzz/corpus/$target" "tests/fuzz/corpus/$target" || broken=1
done
exit $broken
