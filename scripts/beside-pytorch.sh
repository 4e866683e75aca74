#!/usr/bin/env bash
# Trains lenet-bn in PyTorch (scripts/pytorch.py), in trainmark's tch and in its fused
# backend, in turn and with the same number of threads, and prints seconds per epoch and
# peak memory of each.
# Needs Fashion-MNIST in TRAINMARK_DATA; keep other work off the machine meanwhile.
# Usage: scripts/beside-pytorch.sh [ROUNDS] [EPOCHS of each] [THREADS]   (default 3 4 2)
#
# PYTHON names a Python with torch 2.11.0 and numpy. Without it one is installed into
# the cache, once: about 2.7 GB to download.
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"
cd "$(dirname "$0")/.."
rounds=${1:-3} epochs=${2:-4} threads=${3:-$(nproc)}

if [ -z "${PYTHON:-}" ]; then
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/trainmark/pytorch-2.11.0
    PYTHON=$folder/bin/python
    if ! [ -e "$folder/complete" ]; then
        echo "installing PyTorch 2.11.0 into $folder" >&2
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet torch==2.11.0 numpy
        : >"$folder/complete"
    fi
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# Cell, seconds of one epoch, peak memory in bytes.
samples=$out/samples
cargo build --quiet --locked
trainmark() {
    rm -rf "$out/runs"
    cargo run --quiet --locked -- bench "$1" --workload lenet-bn --dataset fashion-mnist --seeds 1 \
        --epochs "$epochs" --threads "$threads" --out "$out/runs" >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
    "$PYTHON" - "trainmark $1" "$out/runs/latest" >>"$samples" <<'END'
import csv, sys
cell, folder = sys.argv[1:]
(run,) = csv.DictReader(open(f"{folder}/runs.csv"))
for epoch in csv.DictReader(open(f"{folder}/epochs.csv")):
    print(cell, epoch["train_seconds"], run["peak_rss_bytes"], sep=",")
END
}
pytorch() {
    "$PYTHON" scripts/pytorch.py --norm "$1" --epochs "$epochs" --threads "$threads" >"$out/csv"
    "$PYTHON" - "PyTorch $1" "$out/csv" >>"$samples" <<'END'
import csv, sys
cell, path = sys.argv[1:]
rows = list(csv.DictReader(open(path)))
for row in rows:
    print(cell, row["train_seconds"], rows[-1]["peak_rss_bytes"], sep=",")
END
}
# Each command begins one round, so that none is always the first.
commands=("pytorch builtin" "trainmark handwritten/builtin" "trainmark tch/builtin" "pytorch detached"
    "trainmark tch/primitive" "pytorch written")
for ((round = 0; round < rounds; round++)); do
    for ((turn = 0; turn < ${#commands[@]}; turn++)); do
        command=${commands[(round + turn) % ${#commands[@]}]}
        echo "round $((round + 1)) of $rounds: $command (load average $(cut -d ' ' -f 1 /proc/loadavg))" >&2
        $command
    done
done

"$PYTHON" - "$samples" <<'END'
import csv, statistics, sys
seconds, memory = {}, {}
for cell, second, peak in csv.reader(open(sys.argv[1])):
    seconds.setdefault(cell, []).append(float(second))
    memory[cell] = max(memory.get(cell, 0), int(peak))
print("cell,epochs,min_seconds,median_seconds,peak_mb")
for cell, values in sorted(seconds.items()):
    print(f"{cell},{len(values)},{min(values):.3f},{statistics.median(values):.3f},{memory[cell] / 1e6:.0f}")
for ours, theirs in (
    ("trainmark tch/builtin", "PyTorch builtin"),
    ("trainmark tch/primitive", "PyTorch detached"),
    ("trainmark tch/primitive", "PyTorch written"),
    ("PyTorch builtin", "trainmark handwritten/builtin"),
    ("trainmark tch/builtin", "trainmark handwritten/builtin"),
):
    a, b = seconds[ours], seconds[theirs]
    print(f"{ours} over {theirs}: min {min(a) / min(b):.2f}, "
          f"median {statistics.median(a) / statistics.median(b):.2f}")
END
