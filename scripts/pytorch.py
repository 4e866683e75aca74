#!/usr/bin/env python3
"""Trains the workload lenet-bn in PyTorch, as its users write it, and prints CSV.

    TRAINMARK_DATA=DIR python pytorch.py [--norm builtin] [--threads 2] [--epochs 5] [--seed 1]

The norms:

  builtin    nn.BatchNorm2d and nn.BatchNorm1d
  detached   d2l.ai's batch_norm from tensor operations, its moving averages detached
  written    the same as the chapter writes it: the moving averages keep the graph of
             every earlier step, so that memory and time grow

Each epoch's samples are shuffled into a copy, whose slices are the batches: quicker
than a DataLoader. The shuffle counts, as does the bookkeeping of loss and accuracy;
prediction on the test images comes after the clock has stopped.

DIR holds the four official .gz IDX files. Made for PyTorch 2.11.0.
"""

import argparse
import csv
import gzip
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

BATCH = 256
LEARNING_RATE = 1.0


def batch_norm(x, gamma, beta, moving_mean, moving_var, eps, momentum, detach):
    """The chapter's function; `momentum` is the weight of the old average."""
    if not torch.is_grad_enabled():
        x_hat = (x - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        if len(x.shape) == 2:
            mean = x.mean(dim=0)
            var = ((x - mean) ** 2).mean(dim=0)
        else:
            mean = x.mean(dim=(0, 2, 3), keepdim=True)
            var = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        x_hat = (x - mean) / torch.sqrt(var + eps)
        if detach:
            mean, var = mean.detach(), var.detach()
        moving_mean = momentum * moving_mean + (1.0 - momentum) * mean
        moving_var = momentum * moving_var + (1.0 - momentum) * var
    return gamma * x_hat + beta, moving_mean, moving_var


class BatchNorm(nn.Module):
    def __init__(self, features, dims, detach):
        super().__init__()
        shape = (1, features) if dims == 2 else (1, features, 1, 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.moving_mean = torch.zeros(shape)
        self.moving_var = torch.zeros(shape)
        self.detach = detach

    def forward(self, x):
        y, self.moving_mean, self.moving_var = batch_norm(
            x, self.gamma, self.beta, self.moving_mean, self.moving_var, 1e-5, 0.9, self.detach
        )
        return y


def build(norm):
    if norm == "builtin":
        images, vectors = nn.BatchNorm2d, nn.BatchNorm1d
    else:
        def images(features):
            return BatchNorm(features, 4, norm == "detached")

        def vectors(features):
            return BatchNorm(features, 2, norm == "detached")

    return nn.Sequential(
        nn.Conv2d(1, 6, 5), images(6), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5), images(16), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(256, 120), vectors(120), nn.Sigmoid(),
        nn.Linear(120, 84), vectors(84), nn.Sigmoid(),
        nn.Linear(84, 10),
    )  # fmt: skip


def initialise(net):
    """Xavier-uniform weights, biases within ±1/√fan_in."""
    for module in net:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            bound = 1.0 / math.sqrt(module.weight[0].numel())
            nn.init.uniform_(module.bias, -bound, bound)


def read_idx(path):
    with gzip.open(path, "rb") as file:
        raw = file.read()
    sides = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sides)


def load(folder, stem):
    images = torch.from_numpy(read_idx(folder / f"{stem}-images-idx3-ubyte.gz").astype(np.float32))
    labels = torch.from_numpy(read_idx(folder / f"{stem}-labels-idx1-ubyte.gz").astype(np.int64))
    return images.div_(255.0).unsqueeze(1), labels


def data_folder():
    base = os.environ.get("TRAINMARK_DATA")
    if not base:
        sys.exit("set TRAINMARK_DATA to the folder with Fashion-MNIST's four .gz files")
    for folder in (Path(base), Path(base) / "fashion-mnist"):
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    sys.exit(f"TRAINMARK_DATA={base} holds no train-images-idx3-ubyte.gz")


def train_epoch(net, optimiser, loss_of, images, labels):
    net.train()
    order = torch.randperm(len(images))
    images, labels = images[order], labels[order]
    loss_sum, correct = 0.0, 0
    for start in range(0, len(images), BATCH):
        x, y = images[start : start + BATCH], labels[start : start + BATCH]
        logits = net(x)
        loss = loss_of(logits, y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            loss_sum += float(loss) * len(y)
            correct += int((logits.argmax(1) == y).sum())
    return loss_sum / len(images), correct / len(images)


@torch.no_grad()
def accuracy(net, images, labels):
    net.eval()
    parts = zip(images.split(BATCH), labels.split(BATCH))
    return sum(int((net(x).argmax(1) == y).sum()) for x, y in parts) / len(images)


def peak_rss_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--norm", choices=("builtin", "detached", "written"), default="builtin")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    folder = data_folder()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels = load(folder, "train")
    test_images, test_labels = load(folder, "t10k")
    net = build(args.norm)
    initialise(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE)
    loss_of = nn.CrossEntropyLoss()

    out = csv.writer(sys.stdout)
    out.writerow(
        ["norm", "threads", "seed", "epoch", "train_seconds", "train_cpu_seconds", "train_loss",
         "train_accuracy", "test_accuracy", "peak_rss_bytes"]
    )  # fmt: skip
    for epoch in range(1, args.epochs + 1):
        start, start_cpu = time.perf_counter(), time.process_time()
        loss, right = train_epoch(net, optimiser, loss_of, images, labels)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
        test = accuracy(net, test_images, test_labels)
        out.writerow(
            [args.norm, args.threads, args.seed, epoch, f"{seconds:.4f}", f"{cpu_seconds:.4f}",
             f"{loss:.6f}", f"{right:.6f}", f"{test:.6f}", peak_rss_bytes()]
        )  # fmt: skip
        sys.stdout.flush()


if __name__ == "__main__":
    main()
