#!/usr/bin/env python3
"""Convergence bands: what PyTorch's training curves look like over many seeds.

Trains built-in workloads, as their files in `harness/workloads` have them, on
Fashion-MNIST in float32 on the CPU, and writes mean, standard
deviation, minimum and maximum over the seeds, per epoch:

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

Without --workload all of WORKLOADS are trained, each with its seeds and epochs.

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
import re
import statistics
import sys
import time
import tomllib
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

HERE = Path(__file__).resolve().parent
DEFAULT_OUT = HERE.parent.parent / "harness" / "src" / "conformance" / "bands.json"
FILES = HERE.parent.parent / "harness" / "workloads"
# How many of each; a band need not reach to the last epoch.
WORKLOADS = {
    "lenet-bn": {"seeds": "1-12", "epochs": 8},
    "lenet": {"seeds": "1-8", "epochs": 8},
    "d2l-lenet-bn": {"seeds": "1-6", "epochs": 5},
    "d2l-lenet": {"seeds": "1-6", "epochs": 5},
    "lenet-bn-after": {"seeds": "1-6", "epochs": 5},
    "lenet-bn-conv": {"seeds": "1-6", "epochs": 5},
    "lenet-bn-linear": {"seeds": "1-6", "epochs": 5},
    "lenet-bn-no-bias": {"seeds": "1-6", "epochs": 5},
    "lenet-dropout": {"seeds": "1-6", "epochs": 5},
    "lenet-bn-adam": {"seeds": "1-6", "epochs": 5},
    "lenet-adam": {"seeds": "1-6", "epochs": 5},
    "mlp": {"seeds": "1-6", "epochs": 5},
    "mlp-bn": {"seeds": "1-6", "epochs": 5},
    "mlp-bn-after": {"seeds": "1-6", "epochs": 5},
    "mlp-dropout": {"seeds": "1-6", "epochs": 5},
    "vgg-bn": {"seeds": "1-6", "epochs": 5},
    "vgg": {"seeds": "1-6", "epochs": 5},
    "resnet-bn": {"seeds": "1-6", "epochs": 5},
    "resnet": {"seeds": "1-6", "epochs": 5},
}
METRICS = ("train_loss", "train_accuracy", "test_accuracy")


class Workload:
    """What the file of a workload says, as far as it is read here."""

    def __init__(self, name):
        file = tomllib.loads((FILES / f"{name}.toml").read_text())
        self.name, self.layers = name, file["layers"]
        self.shape = [int(side) for side in file["input"].split("×")]
        self.learning_rate, self.batch_size = file["learning_rate"], file["batch_size"]
        self.epochs = WORKLOADS[name]["epochs"]
        self.optimiser = file["optimiser"]

    def optimise(self, parameters, rate):
        """The optimiser that the line of the file describes, such as `momentum 0.9, weight decay 5e-4`."""
        kind, *values = re.split(r",? ", self.optimiser.replace("weight decay", "weight_decay"))
        if kind == "momentum":
            values = [kind, *values]
        options = dict(zip(values[::2], map(float, values[1::2])))
        decay = options.pop("weight_decay", 0.0)
        match kind:
            case "sgd" if not options:
                return torch.optim.SGD(parameters, lr=rate)
            case "momentum" if options.keys() == {"momentum"}:
                return torch.optim.SGD(parameters, lr=rate, momentum=options["momentum"], weight_decay=decay)
            case "adam" if options.keys() == {"β1", "β2", "ε"}:
                betas = (options["β1"], options["β2"])
                return torch.optim.Adam(parameters, lr=rate, betas=betas, eps=options["ε"], weight_decay=decay)
        raise SystemExit(f"{self.optimiser}: no such optimiser here")

    def network(self):
        """One module for each layer, in their order."""
        return Network(self.layers, self.shape)


class Line:
    """What a line of the file says, such as `entry: conv2d 6 channels, 5×5, stride 2, from input`."""

    def __init__(self, text):
        self.text = text
        label, kind, what, source = re.fullmatch(
            r"(?:([a-z0-9_-]+): )?(\w+)(.*?)(?:,? from ([a-z0-9_-]+))?", text
        ).groups()
        self.label, self.kind, self.source = label, kind, source
        self.bias = not what.endswith("no bias")
        self.added = what.strip() if kind == "add" else None
        numbers = re.findall(r"(\w+ )?(\d[\d.e-]*)", what) if kind != "add" else []
        # By the word in front of each; that of a size is in front of the number, of channels behind it.
        self.named = {word.strip(): float(number) for word, number in numbers if word}
        self.numbers = [float(number) for word, number in numbers if not word]

    def module(self, shape):
        """The layer for such a shape."""
        match self.kind, [int(number) for number in self.numbers]:
            case "conv2d", [channels, rows, columns]:
                stride, padding = int(self.named.get("stride", 1)), int(self.named.get("padding", 0))
                return nn.Conv2d(shape[0], channels, (rows, columns), stride, padding, bias=self.bias)
            case "batch_norm", _:
                norm = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
                return norm(shape[0], eps=self.named["ε"], momentum=self.named["momentum"])
            case "max_pool2d", [rows, columns]:
                return nn.MaxPool2d((rows, columns), int(self.named.get("stride", rows)))
            case "avg_pool2d", [rows, columns]:
                return nn.AvgPool2d((rows, columns), int(self.named.get("stride", rows)))
            case "linear", [features]:
                return nn.Linear(shape[0], features, bias=self.bias)
            case "dropout", _:
                return nn.Dropout(self.numbers[0])
            case "sigmoid", []:
                return nn.Sigmoid()
            case "relu", []:
                return nn.ReLU()
            case "tanh", []:
                return nn.Tanh()
            case "flatten", []:
                return nn.Flatten()
            case "add", _:
                return nn.Identity()
        raise SystemExit(f"{self.text}: no such layer here")


class Network(nn.Module):
    """One module for each line, in their order; each reads the one before it unless it says another."""

    def __init__(self, texts, shape):
        super().__init__()
        self.lines, self.layers = [Line(text) for text in texts], nn.ModuleList()
        # A batch of two, since batch norm needs more values than one.
        outputs = {"input": torch.zeros(2, *shape)}
        value = outputs["input"]
        for line in self.lines:
            read = outputs[line.source] if line.source else value
            self.layers.append(line.module(tuple(read.shape[1:])))
            value = self.output(line, self.layers[-1], value, outputs)

    @staticmethod
    def output(line, layer, before, outputs):
        """What a line's layer makes, which is kept in `outputs` where it has a label."""
        value = layer(outputs[line.source] if line.source else before)
        if line.added:
            value = value + outputs[line.added]
        if line.label:
            outputs[line.label] = value
        return value

    def forward(self, value):
        outputs = {"input": value}
        for line, layer in zip(self.lines, self.layers):
            value = self.output(line, layer, value, outputs)
        return value


def initialise(net, generator):
    """Xavier-uniform weights, biases U(±1/sqrt(fan_in)), gamma 1, beta 0."""
    with torch.no_grad():
        for m in net.layers:
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(m.weight, generator=generator)
                bound = 1.0 / math.sqrt(m.weight[0].numel())
                if m.bias is not None:
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
    # Dropout draws from the other generator.
    torch.manual_seed(seed)
    net = workload.network()
    initialise(net, generator)
    optimiser = workload.optimise(net.parameters(), rate)
    (x, y), (tx, ty) = train_set, test_set
    rows = []
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        net.train()
        order = torch.randperm(len(x), generator=generator)
        loss_sum, correct = 0.0, 0
        for index in order.split(workload.batch_size):  # the smaller tail is kept
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
            f"{workload.name} rate {rate} seed {seed} epoch {epoch}: loss {r['train_loss']:.4f}, "
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
    parser.add_argument("--seeds", help="such as 1-12 or 1,3,5; default: those of WORKLOADS")
    parser.add_argument("--epochs", type=int, help="default: those of WORKLOADS")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--grid", help="learning rates to compare, such as 0.25,0.5,1,2,4")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    train_set, test_set = load(data_dir(args.data_dir))
    bands = json.loads(args.out.read_text()) if args.out.is_file() else {}
    for workload in map(Workload, args.workload or WORKLOADS):
        seeds = seeds_of(args.seeds or WORKLOADS[workload.name]["seeds"])
        rate, epochs = workload.learning_rate, args.epochs or workload.epochs
        if args.grid:
            rates = [float(text) for text in args.grid.split(",")]
            grid(workload, rates, seeds, epochs, train_set, test_set)
            continue
        runs = [train(workload, rate, s, epochs, train_set, test_set, sys.stderr) for s in seeds]
        bands[workload.name] = {
            "dataset": "fashion-mnist",
            "learning_rate": rate,
            "batch_size": workload.batch_size,
            "framework": f"PyTorch {torch.__version__.split('+')[0]}",
            "seeds": seeds,
            "epochs": [
                {"epoch": e + 1, **{m: summary([r[e][m] for r in runs]) for m in METRICS}}
                for e in range(epochs)
            ],
        }
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(dump(bands))


if __name__ == "__main__":
    main()
