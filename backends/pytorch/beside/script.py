"""LeNet with batch norm as a plain script has it, without trainmark: what `pytorch/builtin` trains.

Trains for some epochs and prints the seconds of each, a line each, after each of which it predicts
the test images, as trainmark does. The example `beside_script` of trainmark runs it.
"""

import sys
import time

import numpy as np
import torch
from torch import nn

BATCH, RATE = 256, 1.0


def images(path):
    # After an IDX file's header.
    pixels = np.fromfile(path, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return torch.tensor(pixels).float().div_(255.0)


def labels(path):
    return torch.tensor(np.fromfile(path, np.uint8, offset=8)).long()


def network():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(),
        nn.Linear(84, 10),
    )  # fmt: skip


def train(net, optimiser, x, y, order):
    net.train()
    totals = torch.zeros(2, dtype=torch.float64)
    total_loss, total_correct = totals.unbind()
    for batch in order.split(BATCH):
        logits = net(x[batch])
        loss = nn.functional.cross_entropy(logits, y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            total_loss += loss * len(batch)
            total_correct += (logits.argmax(1) == y[batch]).sum()
    loss, correct = totals.tolist()
    return loss / len(order), correct / len(order)


@torch.no_grad()
def predict(net, x):
    net.eval()
    return torch.cat([net(batch) for batch in x.split(BATCH)])


def main():
    train_images, train_labels, test_images, epochs, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    x, y, held_out = images(train_images), labels(train_labels), images(test_images)
    net = network()
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE)
    for _ in range(int(epochs)):
        order = torch.randperm(len(y))
        start = time.perf_counter()
        loss, accuracy = train(net, optimiser, x, y, order)
        seconds = time.perf_counter() - start
        predict(net, held_out)
        print(f"{seconds:.4f} loss {loss:.3f} accuracy {accuracy:.3f}", flush=True)


if __name__ == "__main__":
    main()
