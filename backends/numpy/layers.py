"""The layers. `forward(x, training)` gives a layer's output, `backward(gradient)` turns the loss's
gradient by the last output into that by its input (by each of them, of a sum), and puts those by its weights into `gradients`.

Images are (samples, channels, height, width), all values float32. Sums over many values are float64:
NumPy adds along all axes but the last one value after the other.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import trainmark as tm


class Layer:
    def __init__(self, layer: tm.Layer):
        self.layer = layer
        # In the contract's order; those behind the last gradient are running statistics.
        self.parameters: list[np.ndarray] = []
        self.gradients: list[np.ndarray] = []


def windows(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    """(n, c, h, w) to (n, c, rows, columns, size, size): a view."""
    return sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]


def offsets(size: int, stride: int, rows: int, columns: int):
    """For each position in a window, where the windows have it in the image."""
    for y in range(size):
        for x in range(size):
            yield y, x, (..., slice(y, y + stride * rows, stride), slice(x, x + stride * columns, stride))


class Convolution(Layer):
    """By im2col: the windows as the rows of a matrix."""

    def forward(self, x, training):
        weight = self.parameters[0]
        edge = (self.layer.padding,) * 2
        self.padded = np.pad(x, ((0, 0), (0, 0), edge, edge))
        taken = windows(self.padded, self.layer.kernel, self.layer.stride)
        self.columns = taken.transpose(0, 2, 3, 1, 4, 5).reshape(-1, weight[0].size)
        out = self.columns @ weight.reshape(len(weight), -1).T
        if self.layer.bias:
            out += self.parameters[1]
        return out.reshape(len(x), *self.layer.output[1:], -1).transpose(0, 3, 1, 2)

    def backward(self, gradient):
        weight = self.parameters[0]
        rows = gradient.transpose(0, 2, 3, 1).reshape(-1, len(weight))
        self.gradients = [(rows.T @ self.columns).reshape(weight.shape)]
        if self.layer.bias:
            self.gradients.append(total(rows, 0))
        size, edge = self.layer.kernel, self.layer.padding
        columns = (rows @ weight.reshape(len(weight), -1)).reshape(len(gradient), *self.layer.output[1:], -1, size, size)
        columns = columns.transpose(0, 3, 1, 2, 4, 5)
        result = np.zeros_like(self.padded)
        for y, x, place in offsets(size, self.layer.stride, *self.layer.output[1:]):
            result[place] += columns[..., y, x]
        return result[:, :, edge : edge + self.layer.input[1], edge : edge + self.layer.input[2]]


class Linear(Layer):
    def forward(self, x, training):
        self.x = x
        out = x @ self.parameters[0].T
        return out + self.parameters[1] if self.layer.bias else out

    def backward(self, gradient):
        self.gradients = [gradient.T @ self.x]
        if self.layer.bias:
            self.gradients.append(total(gradient, 0))
        return gradient @ self.parameters[0]


class BatchNorm(Layer):
    def forward(self, x, training):
        gamma, beta, running_mean, running_var = self.parameters
        self.axes = (0,) if x.ndim == 2 else (0, 2, 3)
        mean, var = running_mean, running_var
        if training:
            mean = average(x, self.axes)
            var = average(np.square(x - self.channels(mean)), self.axes)
            for running, batch in ((running_mean, mean), (running_var, var)):
                running += np.float32(self.layer.momentum) * (batch - running)
        self.scale = 1 / np.sqrt(var + np.float32(self.layer.epsilon))
        self.x_hat = (x - self.channels(mean)) * self.channels(self.scale)
        return self.channels(gamma) * self.x_hat + self.channels(beta)

    def backward(self, gradient):
        gamma = self.parameters[0]
        self.gradients = [total(gradient * self.x_hat, self.axes), total(gradient, self.axes)]
        by_gamma, by_beta = (each * np.float32(gamma.size / gradient.size) for each in self.gradients)
        centred = gradient - self.channels(by_beta) - self.x_hat * self.channels(by_gamma)
        return self.channels(gamma * self.scale) * centred

    def channels(self, values):
        return values.reshape(values.shape + (1,) * (len(self.axes) - 1))


class MaxPool(Layer):
    def forward(self, x, training):
        self.shape = x.shape
        taken = windows(x, self.layer.window, self.layer.stride)
        taken = taken.reshape(*taken.shape[:4], -1)
        # The first of equal values, as the contract has it.
        self.largest = taken.argmax(axis=-1)
        return np.take_along_axis(taken, self.largest[..., None], axis=-1)[..., 0]

    def backward(self, gradient):
        result = np.zeros(self.shape, np.float32)
        for y, x, place in offsets(self.layer.window, self.layer.stride, *self.layer.output[1:]):
            result[place] += np.where(self.largest == y * self.layer.window + x, gradient, np.float32(0))
        return result


class AveragePool(Layer):
    def forward(self, x, training):
        self.shape = x.shape
        return windows(x, self.layer.window, self.layer.stride).mean(axis=(4, 5))

    def backward(self, gradient):
        result = np.zeros(self.shape, np.float32)
        share = gradient / np.float32(self.layer.window**2)
        for _, _, place in offsets(self.layer.window, self.layer.stride, *self.layer.output[1:]):
            result[place] += share
        return result


class Sigmoid(Layer):
    def forward(self, x, training):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, gradient):
        return gradient * self.y * (1 - self.y)


class Relu(Layer):
    def forward(self, x, training):
        self.positive = x > 0
        return np.where(self.positive, x, np.float32(0))

    def backward(self, gradient):
        return np.where(self.positive, gradient, np.float32(0))


class Tanh(Layer):
    def forward(self, x, training):
        self.y = np.tanh(x)
        return self.y

    def backward(self, gradient):
        return gradient * (1 - self.y * self.y)


class Flatten(Layer):
    def forward(self, x, training):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, gradient):
        return gradient.reshape(self.shape)


class Dropout(Layer):
    def __init__(self, layer: tm.Layer):
        super().__init__(layer)
        self.random = np.random.default_rng(0)

    def forward(self, x, training):
        self.factor = np.ones_like(x)
        if training:
            survives = self.random.random(x.shape, np.float32) >= self.layer.rate
            self.factor = survives / np.float32(1 - self.layer.rate)
        return x * self.factor

    def backward(self, gradient):
        return gradient * self.factor


class Resize(Layer):
    def forward(self, x, training):
        self.shape = x.shape
        sides = zip(self.layer.input[1:], self.layer.output[1:])
        rows, columns = (np.arange(new) * old // new for old, new in sides)
        self.place = (slice(None), slice(None), rows[:, None], columns)
        return x[self.place]

    def backward(self, gradient):
        result = np.zeros(self.shape, np.float32)
        np.add.at(result, self.place, gradient)
        return result


class Add(Layer):
    def forward(self, x, other, training):
        return x + other

    def backward(self, gradient):
        return gradient


def total(values: np.ndarray, axes) -> np.ndarray:
    return values.sum(axis=axes, dtype=np.float64).astype(np.float32)


def average(values: np.ndarray, axes) -> np.ndarray:
    return values.mean(axis=axes, dtype=np.float64).astype(np.float32)


KINDS = {
    "conv2d": Convolution,
    "linear": Linear,
    "batch_norm": BatchNorm,
    "max_pool2d": MaxPool,
    "avg_pool2d": AveragePool,
    "sigmoid": Sigmoid,
    "relu": Relu,
    "tanh": Tanh,
    "flatten": Flatten,
    "dropout": Dropout,
    "resize": Resize,
    "add": Add,
}


def build(layer: tm.Layer) -> Layer:
    if layer.kind not in KINDS:
        raise tm.Unsupported(f"the layer {layer.kind} is not known here")
    return KINDS[layer.kind](layer)
