"""{{name}}: what it is, and one model in training.

Fill in from the top to the bottom: after each function `check` gets further, and names the next one.
`help(trainmark)` has every field; arrays are numpy's, and views of trainmark's own memory.
"""

import numpy as np
import trainmark as tm


def describe():
    """What the backend is. The less is imported here, the sooner `list` answers."""
    return tm.Description(
        # Name and version of the framework, such as importlib.metadata.version("torch") tells it.
        framework=f"NumPy {np.__version__}",
        # The ways to compute batch norm. Beside `primitive`, add `builtin` if the framework has a layer of
        # its own. "biased_from_zero" and "biased_from_one" are the other conventions; check says
        # which one it is.
        implementations=[
            tm.Implementation("primitive", "unbiased_from_one", "composed of elementary operations"),
        ],
        # notes=[...]: what a reader of the numbers should know, such as a framework's defect that is
        # worked around
    )


def open(request):
    """Builds the model, on `request.device` and for `request.threads` threads."""
    return Session(request)


class Session:
    """A model with its parameters."""

    def __init__(self, request):
        self.layers = [build_layer(layer, request.implementation) for layer in request.layers]
        self.splits = {"train": request.train, "test": request.test}
        self.learning_rate = request.learning_rate

    def set_parameters(self, values):
        """One array per parameter, in the order of `request.parameters`: copy what is kept."""
        raise to_do("take parameters", "set_parameters")

    def get_parameters(self, values):
        """The same, the other way: `values[0][...] = self.weight`."""
        raise to_do("give parameters back", "get_parameters")

    def predict(self, split, indices, batch_size, logits):
        """Writes the logits of each sample, (len(indices), classes), from the running statistics.
        Changes nothing."""
        _inputs = self.inputs(split, indices)
        raise to_do("predict", "predict")

    def train_step(self, batch):
        """One step of plain gradient descent on the mean cross-entropy of these training samples. Returns
        loss and correct answers, those of before the update. `train_epoch(order, batch_size)` calls this
        for each batch, unless you write your own."""
        _inputs, _labels = self.inputs("train", batch), self.splits["train"].labels[batch]
        raise to_do("train", "train_step")

    def inputs(self, split, indices):
        """The network's input: pixel/255, (len(indices), *request.input)."""
        return self.splits[split].pixels[indices].astype(np.float32) / np.float32(255)


def build_layer(layer, implementation):
    """Builds one layer. One that the framework cannot do exactly as described stays `Unsupported`; that is
    an answer, and a row in the report. `implementation` is the way to compute batch norm."""
    # if layer.kind == "flatten": ...
    # if layer.kind == "linear": ... (layer.out_features, layer.bias)
    raise to_do(f"build the layer {layer.kind}", "build_layer")


def to_do(what, function):
    """The answer of what is still to be written; it goes with the last of them."""
    return tm.Unsupported(
        f"{{name}} does not {what} yet: fill in {function} in backend.py, see docs/writing-a-backend.md"
    )
