"""A model in training."""

import numpy as np

import layers
import trainmark as tm
from optimiser import Optimiser


class Session:
    def __init__(self, request: tm.Request):
        self.request = request
        self.splits = {"train": request.train, "test": request.test}
        self.layers = [layers.build(layer) for layer in request.layers]
        self.last_reader = {source: index for index, layer in enumerate(request.layers) for source in layer.reads}
        self.optimiser = Optimiser(request)

    def set_parameters(self, values: list[np.ndarray]):
        for layer in self.layers:
            layer.parameters = [values[index].copy() for index in layer.layer.parameters]
        self.optimiser.reset()

    def get_parameters(self, values: list[np.ndarray]):
        for layer in self.layers:
            for index, parameter in zip(layer.layer.parameters, layer.parameters):
                values[index][...] = parameter

    def train_step(self, batch: np.ndarray) -> tuple[float, int]:
        labels = self.splits["train"].labels[batch]
        logits = self.forward("train", batch, training=True)
        loss, gradient = cross_entropy(logits, labels)
        # By the values that are read: the sum of what their readers give.
        gradients = {len(self.layers) - 1: gradient}
        for index, layer in reversed(list(enumerate(self.layers))):
            gradient = layer.backward(gradients.pop(index))
            for source in layer.layer.reads:
                gradients[source] = gradients[source] + gradient if source in gradients else gradient
        # Gradients are those of a layer's first parameters: running statistics have none.
        trained = [pair for layer in self.layers for pair in zip(layer.parameters, layer.gradients)]
        self.optimiser.step([parameter for parameter, _ in trained], [gradient for _, gradient in trained])
        return loss, int((logits.argmax(axis=1) == labels).sum())

    def predict(self, split: str, indices: np.ndarray, batch_size: int, logits: np.ndarray):
        for start in range(0, len(indices), batch_size):
            batch = slice(start, start + batch_size)
            logits[batch] = self.forward(split, indices[batch], training=False)

    def forward(self, split: str, batch: np.ndarray, training: bool) -> np.ndarray:
        x = self.splits[split].pixels[batch].astype(np.float32) / np.float32(255)
        values = {-1: x}
        for index, layer in enumerate(self.layers):
            values[index] = layer.forward(*(values[source] for source in layer.layer.reads), training)
            for source in layer.layer.reads:
                if self.last_reader[source] == index:
                    del values[source]
        return values[len(self.layers) - 1]


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """The batch's mean loss and its gradient by the logits."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(sums[:, 0]) - shifted[rows, labels], dtype=np.float64)
    gradient = exponentials / sums
    gradient[rows, labels] -= 1
    return float(loss), gradient / np.float32(len(labels))
