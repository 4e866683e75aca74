"""The layers of a model as functions of jax.numpy."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import trainmark as tm


def forward(layers: list[tm.Layer], parameters: list[jax.Array], x: jax.Array, key: jax.Array | None):
    """The logits, and the parameters with the running statistics that follow.

    `key` is that of dropout in training; there is none in prediction.
    """
    after = list(parameters)
    # The model's input and every layer's output.
    values = {-1: x}
    for number, layer in enumerate(layers):
        own = [parameters[index] for index in layer.parameters]
        x, *added = (values[source] for source in layer.reads)
        match layer.kind:
            case "conv2d":
                x = convolution(x, own[0], layer)
                x = x + own[1].reshape(1, -1, 1, 1) if layer.bias else x
            case "linear":
                x = x @ own[0].T
                x = x + own[1] if layer.bias else x
            case "batch_norm" if key is None:
                x = normalise(x, *own, layer.epsilon)
            case "batch_norm":
                x, *running = batch_norm(x, *own, layer)
                for index, value in zip(layer.parameters[2:], running):
                    after[index] = value
            case "sigmoid":
                x = jax.nn.sigmoid(x)
            case "relu":
                x = jax.nn.relu(x)
            case "tanh":
                x = jnp.tanh(x)
            case "max_pool2d":
                x = pool(x, layer, -np.inf, lax.max)
            case "avg_pool2d":
                x = pool(x, layer, 0.0, lax.add) / layer.window**2
            case "flatten":
                x = x.reshape(len(x), -1)
            case "dropout":
                x = x if key is None else dropout(x, layer.rate, jax.random.fold_in(key, number))
            case "resize":
                x = resize(x, layer)
            case "add":
                x = x + added[0]
            case other:
                raise tm.Unsupported(f"the layer {other} is not known here")
        values[number] = x
    return x, after


def convolution(x, weight, layer):
    strides, padding = (layer.stride,) * 2, [(layer.padding,) * 2] * 2
    return lax.conv_general_dilated(x, weight, strides, padding, dimension_numbers=("NCHW", "OIHW", "NCHW"))


def batch_norm(x, gamma, beta, running_mean, running_var, layer):
    """In training: the layer's output and the running statistics, which are no function of weights."""
    axes = (0,) if x.ndim == 2 else (0, 2, 3)
    mean, var = x.mean(axes), x.var(axes)

    def average(running, batch):
        return (1.0 - layer.momentum) * running + layer.momentum * lax.stop_gradient(batch)

    return normalise(x, gamma, beta, mean, var, layer.epsilon), average(running_mean, mean), average(running_var, var)


def normalise(x, gamma, beta, mean, var, epsilon):
    channels = (1, -1) + (1,) * (x.ndim - 2)
    x_hat = (x - mean.reshape(channels)) / jnp.sqrt(var.reshape(channels) + epsilon)
    return gamma.reshape(channels) * x_hat + beta.reshape(channels)


def pool(x, layer, start, reduction):
    window, strides = (1, 1, layer.window, layer.window), (1, 1, layer.stride, layer.stride)
    return lax.reduce_window(x, np.float32(start), reduction, window, strides, "VALID")


def dropout(x, rate, key):
    return jnp.where(jax.random.bernoulli(key, 1.0 - rate, x.shape), x / (1.0 - rate), 0.0)


def resize(x, layer):
    rows, columns = (jnp.arange(new) * old // new for old, new in zip(layer.input[1:], layer.output[1:]))
    return x[:, :, rows][:, :, :, columns]
