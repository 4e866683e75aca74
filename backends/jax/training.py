"""A model in training."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import trainmark as tm
from network import forward
from optimiser import started, stepped


class Session:
    def __init__(self, request: tm.Request):
        platform, _, index = request.device.partition(":")
        self.device = jax.devices(platform)[int(index or 0)]
        # float32 is float32, on GPUs too.
        jax.config.update("jax_default_matmul_precision", "highest")
        self.step, self.logits = compiled(request)
        self.splits = {"train": self.resident(request.train), "test": self.resident(request.test)}
        self.parameters: list[jax.Array] = []
        self.request = request
        self.steps = 0

    def resident(self, samples: tm.Samples) -> tuple[jax.Array, jax.Array]:
        """All images as floats, and their labels, in the device's memory."""
        pixels = samples.pixels.astype(np.float32) / np.float32(255)
        return self.put(pixels), self.put(samples.labels.astype(np.int32))

    def put(self, array: np.ndarray) -> jax.Array:
        return jax.device_put(array, self.device)

    def set_parameters(self, values: list[np.ndarray]):
        # Copies: on a CPU, JAX may go on using the memory of an array that it is given.
        self.parameters = [self.put(value.copy()) for value in values]
        self.state = jax.device_put(started(self.request.optimiser, self.parameters), self.device)

    def get_parameters(self, values: list[np.ndarray]):
        for value, parameter in zip(values, self.parameters):
            value[...] = np.asarray(parameter)

    def train_step(self, batch: np.ndarray) -> tuple[float, int]:
        return self.train_epoch(batch, len(batch))

    def train_epoch(self, order: np.ndarray, batch_size: int) -> tuple[float, int]:
        parameters, state = self.parameters, self.state
        totals = self.put(np.float32(0)), self.put(np.int32(0))
        for batch in batches(order, batch_size):
            parameters, state, totals = self.step(
                parameters, state, totals, self.splits["train"], batch, self.steps
            )
            self.steps += 1
        self.parameters, self.state = jax.block_until_ready((parameters, state))
        loss, correct = totals
        return float(loss) / len(order), int(correct)

    def predict(self, split: str, indices: np.ndarray, batch_size: int, logits: np.ndarray):
        images, _ = self.splits[split]
        rows = batches(np.arange(len(indices)), batch_size)
        for row, batch in zip(rows, batches(indices, batch_size)):
            logits[row] = np.asarray(self.logits(self.parameters, images, batch))


def batches(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Consecutive batches, of which the last may be smaller."""
    return np.split(order.astype(np.int32), range(batch_size, len(order), batch_size))


def compiled(request: tm.Request):
    """The training step and the prediction of a model, which XLA compiles for each size of a batch."""
    layers, rate = request.layers, np.float32(request.learning_rate)
    trainable = [parameter.trainable for parameter in request.parameters]

    def loss_of(parameters, x, y, key):
        logits, after = forward(layers, parameters, x, key)
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()
        return loss, (after, (logits.argmax(axis=1) == y).sum())

    # What is donated is overwritten in place, as an optimiser does elsewhere.
    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(parameters, state, totals, samples, batch, number):
        images, labels = samples
        key = jax.random.fold_in(jax.random.key(0), number)
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (after, correct)), gradients = gradient(parameters, images[batch], labels[batch], key)
        state, changed = stepped(request.optimiser, rate, state, parameters, gradients)
        new = [one if learns else running for one, running, learns in zip(changed, after, trainable)]
        return new, state, (totals[0] + loss * len(batch), totals[1] + correct)

    @jax.jit
    def logits(parameters, images, batch):
        return forward(layers, parameters, images[batch], None)[0]

    return step, logits
