"""A whole backend: it trains models of the form [flatten, linear] with numpy."""

import numpy as np

import trainmark as tm


def describe():
    # It has no way to compute batch norm, else it would be listed.
    return tm.Description(f"numpy {np.__version__}", implementations=[])


def open(request):
    for index, layer in enumerate(request.layers):
        if [layer.kind] != ["flatten", "linear"][index : index + 1] or (layer.kind == "linear" and not layer.bias):
            raise tm.Unsupported(f"layer {index} ({layer.kind}): only flatten, linear with bias can be trained")
    return Softmax(request)


class Softmax:
    def __init__(self, request):
        self.splits = {"train": request.train, "test": request.test}
        self.rate = np.float32(request.learning_rate)

    def set_parameters(self, values):
        self.weight, self.bias = (value.copy() for value in values)

    def get_parameters(self, values):
        values[0][...] = self.weight
        values[1][...] = self.bias

    def train_step(self, batch):
        inputs, labels = self.inputs("train", batch), self.splits["train"].labels[batch]
        logits = self.logits(inputs)
        rows = np.arange(len(batch))
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        loss = -np.log(probabilities[rows, labels]).mean()
        correct = (logits.argmax(axis=1) == labels).sum()
        gradient = probabilities
        gradient[rows, labels] -= 1
        gradient /= np.float32(len(batch))
        self.weight -= self.rate * (gradient.T @ inputs)
        self.bias -= self.rate * gradient.sum(axis=0)
        return float(loss), int(correct)

    def predict(self, split, indices, batch_size, logits):
        for start in range(0, len(indices), batch_size):
            batch = indices[start : start + batch_size]
            logits[start : start + batch_size] = self.logits(self.inputs(split, batch))

    def inputs(self, split, indices):
        pixels = self.splits[split].pixels[indices]
        return pixels.reshape(len(indices), -1).astype(np.float32) / np.float32(255)

    def logits(self, inputs):
        return inputs @ self.weight.T + self.bias
