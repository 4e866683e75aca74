#!/usr/bin/env python3
"""Convergence bands: what PyTorch's training curves look like over many seeds.

Trains the workloads `lenet-bn` and `lenet` (the same network without batch
normalisation) on Fashion-MNIST in float32 on the CPU with plain SGD, and
writes mean, standard deviation, minimum and maximum over the seeds, per epoch:

  train_loss      sample-weighted mean of the steps' losses over the epoch, each
                  taken before its update
  train_accuracy  share of training samples predicted rightly in the forward
                  pass of their own training step (training mode, before the update)
  test_accuracy   share of test samples predicted rightly in evaluation mode (running
                  statistics), after the epoch

`sd` is the sample standard deviation (divisor n-1). Losses are mean cross
entropy with the natural logarithm. Made with PyTorch 2.11.0; see README.md.

    pip install -r requirements.txt
    python bands.py --data-dir DIR [--workload lenet-bn] [--seeds 1-12] [--epochs 8] [--out FILE]
    python bands.py --data-dir DIR --workload lenet --grid 0.25,0.5,1,2,4 --seeds 1-5 --epochs 5

DIR holds the four official .gz IDX files. Without --data-dir the environment
variable TRAINMARK_DATA is used, else ../../data beside this script's folder; in each
of these a subfolder `fashion-mnist` is looked for as well.
An existing output file keeps the workloads that are not run again.

With --grid it writes no file: it prints, per learning rate, the training accuracy of
the last epoch, median, least and greatest over the seeds. docs/method.md has what it gave for the control.
"""

import argparse
import gzip
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

HERE = Path(__file__).resolve().parent
DEFAULT_OUT = HERE.parent.parent / "harness" / "src" / "conformance" / "bands.json"
BATCH = 256
EPOCHS = 8
WORKLOADS = {
    "lenet-bn": {"learning_rate": 1.0, "seeds": "1-12"},
    "lenet": {"learning_rate": 1.0, "seeds": "1-8"},
}
METRICS = ("train_loss", "train_accuracy", "test_accuracy")


def build(workload):
    """The network; activations and pools as in LeNet, batch norm before each sigmoid."""
    bn = workload == "lenet-bn"

    def norm2d(channels):
        return [nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)] if bn else []

    def norm1d(features):
        return [nn.BatchNorm1d(features, eps=1e-5, momentum=0.1)] if bn else []

    return nn.Sequential(
        nn.Conv2d(1, 6, 5), *norm2d(6), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5), *norm2d(16), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(256, 120), *norm1d(120), nn.Sigmoid(),
        nn.Linear(120, 84), *norm1d(84), nn.Sigmoid(),
        nn.Linear(84, 10),
    )  # fmt: skip


def initialise(net, generator):
    """Xavier-uniform weights, biases U(±1/sqrt(fan_in)), gamma 1, beta 0."""
    with torch.no_grad():
        for m in net:
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight, generator=generator)
                bound = 1.0 / math.sqrt(m.weight[0].numel())
                m.bias.uniform_(-bound, bound, generator=generator)
            elif isinstance(m, nn.modules.batchnorm._BatchNorm):
                m.reset_running_stats()
                m.weight.fill_(1.0)
                m.bias.fill_(0.0)


def read_idx(path, shape_tail):
    with gzip.open(path, "rb") as f:
        raw = f.read()
    if raw[:2] != b"\0\0" or raw[2] != 8:
        raise SystemExit(f"{path}: not an IDX file of unsigned bytes")
    dims = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    if tuple(dims[1:]) != shape_tail:
        raise SystemExit(f"{path}: unexpected shape {dims}")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def data_dir(argument):
    base = argument or os.environ.get("TRAINMARK_DATA") or HERE.parent.parent / "data"
    for folder in (Path(base), Path(base) / "fashion-mnist"):
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    raise SystemExit(f"no Fashion-MNIST in {base}: give --data-dir or set TRAINMARK_DATA")


def load(folder):
    def split(stem):
        x = read_idx(folder / f"{stem}-images-idx3-ubyte.gz", (28, 28))
        y = read_idx(folder / f"{stem}-labels-idx1-ubyte.gz", ())
        x = torch.from_numpy(x.astype(np.float32)) / 255.0
        return x.unsqueeze(1).contiguous(), torch.from_numpy(y.astype(np.int64))

    return split("train"), split("t10k")


def train(workload, rate, seed, epochs, train_set, test_set, log):
    generator = torch.Generator().manual_seed(seed)
    net = build(workload)
    initialise(net, generator)
    optimiser = torch.optim.SGD(net.parameters(), lr=rate)
    (x, y), (tx, ty) = train_set, test_set
    rows = []
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        net.train()
        order = torch.randperm(len(x), generator=generator)
        loss_sum, correct = 0.0, 0
        for index in order.split(BATCH):  # the tail of 96 is kept
            xb, yb = x[index], y[index]
            logits = net(xb)
            loss = nn.functional.cross_entropy(logits, yb)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            loss_sum += loss.item() * len(yb)
            correct += int((logits.detach().argmax(1) == yb).sum())
        net.eval()
        with torch.no_grad():
            right = sum(
                int((net(a).argmax(1) == b).sum()) for a, b in zip(tx.split(1000), ty.split(1000))
            )
        rows.append(
            {
                "train_loss": loss_sum / len(x),
                "train_accuracy": correct / len(x),
                "test_accuracy": right / len(tx),
            }
        )
        r = rows[-1]
        print(
            f"{workload} rate {rate} seed {seed} epoch {epoch}: loss {r['train_loss']:.4f}, "
            f"train {r['train_accuracy']:.4f}, test {r['test_accuracy']:.4f}, "
            f"{time.perf_counter() - began:.1f} s",
            file=log,
            flush=True,
        )
    return rows


def grid(workload, rates, seeds, epochs, train_set, test_set):
    """Prints the training accuracy of the last epoch for each learning rate."""
    print("rate  median  least   greatest")
    for rate in rates:
        runs = [train(workload, rate, s, epochs, train_set, test_set, sys.stderr) for s in seeds]
        last = [run[-1]["train_accuracy"] for run in runs]
        print(f"{rate:<5g} {statistics.median(last):.4f}  {min(last):.4f}  {max(last):.4f}", flush=True)


def summary(values):
    return {
        "mean": round(statistics.fmean(values), 6),
        "sd": round(statistics.stdev(values), 6) if len(values) > 1 else 0.0,
        "min": round(min(values), 6),
        "max": round(max(values), 6),
    }


def seeds_of(text):
    seeds = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def dump(bands):
    """JSON with one line per metric and epoch."""
    lines = json.dumps(bands, indent=2).split("\n")
    out, held = [], None
    for line in lines:  # join the innermost objects and the list of seeds
        body = line.strip()
        if held is not None:
            held.append(body)
            if body.startswith(("}", "]")):
                out.append(held[0] + " ".join(held[1:-1]) + held[-1])
                held = None
        elif body.endswith("{") and body.split('"')[1:2] and body.split('"')[1] in METRICS:
            held = [line]
        elif body == '"seeds": [':
            held = [line]
        else:
            out.append(line)
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Convergence bands from PyTorch")
    parser.add_argument("--data-dir", type=Path, help="folder with the four .gz files")
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="default: all")
    parser.add_argument("--seeds", help="such as 1-12 or 1,3,5; default 1-12 (lenet: 1-8)")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--grid", help="learning rates to compare, such as 0.25,0.5,1,2,4")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    train_set, test_set = load(data_dir(args.data_dir))
    bands = json.loads(args.out.read_text()) if args.out.is_file() else {}
    for workload in args.workload or WORKLOADS:
        seeds = seeds_of(args.seeds or WORKLOADS[workload]["seeds"])
        rate = WORKLOADS[workload]["learning_rate"]
        if args.grid:
            rates = [float(text) for text in args.grid.split(",")]
            grid(workload, rates, seeds, args.epochs, train_set, test_set)
            continue
        runs = [train(workload, rate, s, args.epochs, train_set, test_set, sys.stderr) for s in seeds]
        bands[workload] = {
            "dataset": "fashion-mnist",
            "learning_rate": rate,
            "batch_size": BATCH,
            "framework": f"PyTorch {torch.__version__.split('+')[0]}",
            "seeds": seeds,
            "epochs": [
                {"epoch": e + 1, **{m: summary([r[e][m] for r in runs]) for m in METRICS}}
                for e in range(args.epochs)
            ],
        }
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(dump(bands))


if __name__ == "__main__":
    main()
