#!/usr/bin/env bash
# Makes the numbers of docs/results anew: all backends, four workloads, ten seeds, on the CPU and
# where there is one on the GPU, then static pages of the two runs in docs/results/site.
# Takes two hours and a bit, which want a machine that does nothing else. The words and the picture of
# docs/results are written by hand.
# Usage: scripts/results.sh [FOLDER of the runs, to be kept, or of those made earlier]
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"
cd "$(dirname "$0")/.."

runs=${1:-target/results}
most=2000000 # bytes that are committed
trainmark() { cargo run --quiet -- "$@"; }

bench() { # FOLDER BUDGET ARGUMENT...
    [ -e "$runs/$1/latest" ] ||
        trainmark bench "${@:3}" --seeds 10 --epochs 5 --yes --budget "$2" --out "$runs/$1"
}
# The chapter's network with every backend, and where both implementations differ with both.
bench chapter 65m candle handwritten tch pytorch dfdx/builtin dfdx/none burn/builtin burn/none jax numpy \
    --workload lenet-bn,lenet
# Others with each framework's own batch norm.
bench others 60m candle/builtin dfdx/builtin handwritten/builtin pytorch/builtin tch/builtin burn/builtin jax \
    --workload d2l-lenet-bn,resnet-bn

{
    echo 'title = "trainmark: results"'
    echo '[maintainers]'
    for run in "$runs"/*/latest; do
        record=$(sha256sum "$run/events.jsonl")
        echo "$(basename "$(readlink "$run")") = \"${record%% *}\""
    done
} >"$runs/site.toml"
trainmark site "$runs" --out docs/results/site
size=$(du --bytes --summarize docs/results | cut -f 1)
echo "docs/results: $size bytes"
[ "$size" -le "$most" ] || { echo "error: more than $most bytes, which is too much to commit" >&2; exit 1; }
