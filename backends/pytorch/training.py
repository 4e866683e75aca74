"""A model in training."""

import os
import shutil

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import trainmark as tm
from images import Images
from network import network, normalises_one_value, tensors
from tuning import keep_freed_memory

# As the chapter's load_data_fashion_mnist has it.
WORKERS = 4


class Session:
    def __init__(self, request: tm.Request):
        torch.set_num_threads(request.threads)
        # What dropout draws from.
        torch.manual_seed(1)
        if request.implementation == "tuned":
            keep_freed_memory()
        # float32 is float32.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        self.request = request
        self.device = torch.device(request.device)
        self.net = network(request).to(self.device)
        self.forward = torch.compile(self.net) if request.implementation == "compiled" else self.net
        self.optimiser = optimiser(request, self.net)
        self.splits = {"train": self.resident(request.train), "test": self.resident(request.test)}
        self.loads_images = request.implementation == "notebook"
        self.least_batch = 2 if normalises_one_value(request) else 1

    def resident(self, samples: tm.Samples) -> tuple[torch.Tensor, torch.Tensor]:
        """All images as floats, and their labels, in the device's memory."""
        # Divided on the host: CUDA's kernel would multiply by 1/255.
        pixels = torch.tensor(samples.pixels).float().div_(255.0)
        return pixels.to(self.device), torch.tensor(samples.labels).long().to(self.device)

    @torch.no_grad()
    def set_parameters(self, values: list[np.ndarray]):
        for tensor, value in zip(tensors(self.request, self.net), values):
            if not tensor.is_leaf:
                # The chapter's moving averages: the graph behind them ends here.
                tensor.detach_()
            tensor.copy_(torch.tensor(value).view(tensor.shape))
        # It begins anew with the next step.
        self.optimiser.state.clear()

    def get_parameters(self, values: list[np.ndarray]):
        for tensor, value in zip(tensors(self.request, self.net), values):
            value[...] = tensor.detach().cpu().view(value.shape).numpy()

    def close(self):
        if self.request.implementation == "compiled":
            shutil.rmtree(os.environ["TORCHINDUCTOR_CACHE_DIR"], ignore_errors=True)

    def train_step(self, batch: np.ndarray) -> tuple[float, int]:
        return self.train_epoch(batch, len(batch))

    def train_epoch(self, order: np.ndarray, batch_size: int) -> tuple[float, int]:
        if 0 < len(order) % batch_size < self.least_batch or batch_size < self.least_batch:
            raise tm.Invalid("nn.BatchNorm1d cannot train on a batch of one sample")
        self.net.train()
        # Read at the end only: on a GPU each reading waits for it.
        totals = torch.zeros(2, dtype=torch.float64, device=self.device)
        total_loss, total_correct = totals.unbind()
        for x, y in self.batches(order, batch_size):
            logits = self.forward(x)
            loss = nn.functional.cross_entropy(logits, y)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            with torch.no_grad():
                total_loss += loss * len(y)
                total_correct += (logits.argmax(1) == y).sum()
        loss, correct = totals.tolist()
        return loss / len(order), int(correct)

    def batches(self, order: np.ndarray, batch_size: int):
        """Images and labels of consecutive batches of an order of the training samples."""
        if self.loads_images:
            loader = DataLoader(
                Images(self.request.train),
                batch_size,
                sampler=order.tolist(),
                num_workers=WORKERS,
                multiprocessing_context="fork",
            )
            for x, y in loader:
                yield x.to(self.device), y.to(self.device)
            return
        images, labels = self.splits["train"]
        for batch in self.indices(order).split(batch_size):
            yield images[batch], labels[batch]

    def indices(self, order: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(order.astype(np.int64)).to(self.device)

    @torch.no_grad()
    def predict(self, split: str, indices: np.ndarray, batch_size: int, logits: np.ndarray):
        self.net.eval()
        images, _ = self.splits[split]
        batches = self.indices(indices).split(batch_size)
        for batch, rows in zip(batches, torch.from_numpy(logits).split(batch_size)):
            rows.copy_(self.forward(images[batch]))


def optimiser(request: tm.Request, net: nn.Module) -> torch.optim.Optimizer:
    of, rate, parameters = request.optimiser, request.learning_rate, net.parameters()
    if of.kind == "adam":
        betas = of.beta1, of.beta2
        return torch.optim.Adam(parameters, rate, betas, of.epsilon, of.weight_decay)
    return torch.optim.SGD(parameters, rate, momentum=of.momentum, weight_decay=of.weight_decay)
