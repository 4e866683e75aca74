"""What a trainmark backend in Python sees.

A backend is a module with two functions::

    def describe() -> trainmark.Description: ...
    def open(request: trainmark.Request) -> trainmark.Session: ...

`describe` is asked once, before anything else, and says which framework this is and how it
computes batch norm. The less it imports, the sooner `list` answers: a framework's version can
be had from `importlib.metadata.version`, and the framework imported in `open`.

`open` builds one model and returns a session, an object with the methods of `Session`. The
sessions of one process are independent of each other.

A module that trains with more than plain gradient descent says so: `OPTIMISERS = ("sgd", "adam")`,
names of kinds of `Optimiser`; a session with another one is refused before `open` is called.

Arrays are numpy's and views of trainmark's own memory: nothing is copied. Those of the request's
samples are read-only and stay for as long as the session is open. All others are valid during
the call only: what a session wants to keep, it copies.

A call that cannot do what it should raises an exception. `Invalid`, `Unsupported` and
`DeviceError` say what is the matter; a `MemoryError` is "out of memory"; any other counts as a
failure of the framework, and is told with its file and line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, List, NoReturn, Optional, Sequence, Tuple

from typing import Protocol

from trainmark._driver import without_cuda

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Description",
    "Device",
    "DeviceError",
    "Implementation",
    "Invalid",
    "Layer",
    "Optimiser",
    "Parameter",
    "Request",
    "Samples",
    "Session",
    "Unsupported",
    "without_cuda",
]


class Invalid(Exception):
    """The caller broke the contract; nothing was changed."""


class Unsupported(Exception):
    """This model, or this way to compute it, cannot be done exactly as the request says."""


class DeviceError(Exception):
    """The device is absent, lost or too old."""


def _check(owner: object, name: str, expected: type) -> None:
    """Refuses a field of another type where the author wrote it, not where it is read."""
    value = getattr(owner, name)
    if not isinstance(value, expected):
        what = f"{type(owner).__name__}.{name}"
        raise TypeError(f"{what} is {value!r}, expected {expected.__name__}")


def _check_items(owner: object, name: str, expected: type) -> None:
    value = getattr(owner, name)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, expected) for item in value):
        what = f"{type(owner).__name__}.{name}"
        raise TypeError(f"{what} is {value!r}, expected a list of {expected.__name__}")


@dataclass(frozen=True)
class Implementation:
    """One way to compute batch norm."""

    name: str
    """`builtin` for the framework's own layer, `primitive` for one made of elementary
    operations, or a further name in lower case."""

    running_variance: str
    """`unbiased_from_one`, the frameworks' convention: it starts at 1 and is updated with the
    batch's unbiased variance; `biased_from_zero`, that of d2l.ai's chapter: it starts at 0 and is
    updated with the biased one; or `biased_from_one`, Burn's: it starts at 1, with the biased one."""

    summary: str
    """One line for `list` and the report."""

    def __post_init__(self) -> None:
        for name in ("name", "running_variance", "summary"):
            _check(self, name, str)
        if self.running_variance not in ("unbiased_from_one", "biased_from_zero", "biased_from_one"):
            raise ValueError(
                f"Implementation.running_variance is {self.running_variance!r}, "
                "expected 'unbiased_from_one', 'biased_from_zero' or 'biased_from_one'"
            )


@dataclass(frozen=True)
class Device:
    """One device, as the framework sees it on this machine."""

    id: str
    """`cpu`, `cuda:0`, `wgpu:0`, …"""

    unavailable: Optional[str] = None
    """Why it cannot be used now; None where it can."""

    adapter: Optional[str] = None
    """Name of the graphics adapter, where trainmark cannot know it: for `wgpu`."""

    is_software: bool = False
    """Whether it is a software renderer, which computes on the processor; the common ones are
    known by their adapter's name."""

    def __post_init__(self) -> None:
        _check(self, "id", str)
        _check(self, "is_software", bool)
        for name in ("unavailable", "adapter"):
            if getattr(self, name) is not None:
                _check(self, name, str)


@dataclass(frozen=True)
class Description:
    """What a backend says of itself."""

    framework: str
    """Framework and version, such as `PyTorch 2.11.0`."""

    implementations: Sequence[Implementation]
    """The ways in which it computes batch norm. `open` is asked for no other, but for `none`,
    which need not be listed, where a model has no batch norm."""

    devices: Sequence[Device] = field(default_factory=lambda: [Device("cpu")])
    """The devices that it can compute on. `open` is asked for no other."""

    notes: Sequence[str] = ()
    """What a reader of the numbers should know, a line each: a defect of the framework that is
    worked around and how, a choice that matters."""

    def __post_init__(self) -> None:
        _check(self, "framework", str)
        _check_items(self, "implementations", Implementation)
        _check_items(self, "devices", Device)
        _check_items(self, "notes", str)


class Layer:
    """One layer of the model, with the fields of its kind.

    ============== ================================================================
    kind           what it computes, and its own fields
    ============== ================================================================
    `conv2d`       cross-correlation: `out_channels`, `kernel`, `stride`, `padding`, `bias`
    `batch_norm`   `epsilon`, `momentum` (the weight of the new batch)
    `sigmoid`, `relu`, `tanh`
    `max_pool2d`   `window`, `stride`; a tie gives its gradient to the first maximum
    `avg_pool2d`   `window`, `stride`
    `flatten`      N×C×H×W to N×(C·H·W)
    `linear`       y = x·Wᵀ + b: `out_features`, `bias`
    `dropout`      zeroed with probability `rate`, the others scaled by 1/(1 − rate)
    `resize`       nearest neighbour: `height`, `width`
    `add`          the sum of the two values that it reads, of one shape
    ============== ================================================================
    """

    kind: str
    input: Tuple[int, ...]
    """Shape of one sample as it comes in: (channels, height, width), or (features,)."""
    output: Tuple[int, ...]
    """Shape of one sample as it goes out."""
    reads: List[int]
    """What it reads, as indices of layers whose outputs they are; -1 is the model's input. One value,
    of `add` two. A model in which a layer reads another than the one before it has an `add`."""
    parameters: List[int]
    """Its parameters, as indices into the request's."""

    out_channels: int
    kernel: int
    stride: int
    padding: int
    bias: bool
    """Whether one is added. A layer without has none among its parameters."""
    epsilon: float
    momentum: float
    window: int
    out_features: int
    rate: float
    height: int
    width: int

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> NoReturn:
        fields = self.__dict__
        raise AttributeError(f"a layer {fields.get('kind')} has no {name}; it has {', '.join(fields)}")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"Layer({fields})"


@dataclass(frozen=True)
class Parameter:
    """One parameter tensor of the model. The request's list has their order everywhere."""

    name: str
    """Layer and role, such as `0.weight`."""

    layer: int
    """Index into the request's layers."""

    role: str
    """`weight`, `bias`; of batch norm `gamma`, `beta`, `running_mean`, `running_var`."""

    shape: Tuple[int, ...]
    """Convolution (out, in, kernel, kernel), linear (out, in), all others (channels,)."""

    trainable: bool
    """Whether gradient descent changes it: all but the running statistics."""


@dataclass(frozen=True)
class Optimiser:
    """What a training step makes of the gradients of every trainable parameter, with
    g = ∂L/∂w + weight_decay·w. A session begins with v, m and t at zero; `set_parameters` puts them
    back to zero, and nothing else does.

    ============ ===================================================================================
    kind         what a step is, and its own fields
    ============ ===================================================================================
    `sgd`        w ← w − rate·∂L/∂w
    `momentum`   v ← momentum·v + g; w ← w − rate·v: `momentum`, `weight_decay`
    `adam`       t ← t + 1; m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
                 w ← w − rate·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε): `beta1`, `beta2`, `epsilon`,
                 `weight_decay`
    ============ ===================================================================================
    """

    kind: str
    momentum: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    epsilon: float = 0.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Samples:
    """The samples of one split. Read-only, and valid while the session is open."""

    pixels: NDArray[np.uint8]
    """(count, *input). The network's input is pixel/255 in float32."""

    labels: NDArray[np.uint8]
    """(count,)"""


@dataclass(frozen=True)
class Request:
    """What `open` is asked for."""

    model: str
    """Name of the model, for messages."""

    input: Tuple[int, ...]
    """Shape of one sample: (channels, height, width), or (features,)."""

    classes: int
    """Logits per sample. The loss is the mean cross-entropy of the batch."""

    layers: List[Layer]
    """The layers, first to last."""

    parameters: List[Parameter]
    """Every parameter, in the order of the layers."""

    train: Samples
    """The samples that are trained on."""

    test: Samples
    """The samples held out."""

    implementation: str
    """One of the description's; `none` for a model without batch norm."""

    device: str
    """One of the description's."""

    threads: int
    """Threads to compute with, at least 1."""

    optimiser: Optimiser
    """One that the backend's module lists as `OPTIMISERS`; plain gradient descent where it lists none."""

    learning_rate: float
    """That of the optimiser."""

    batch_size: int
    """That of training. Smaller batches occur, at the end of an epoch."""


class Session(Protocol):
    """A model being trained. When a call returns, all that it does is done, on any device.

    It may also have `train_epoch(order, batch_size)`, to train on consecutive batches of
    `order`, of which the last may be smaller, and to return what `train_step` does, for all
    samples together; else `train_step` is called for each batch. And it may have `close()`.
    """

    def set_parameters(self, values: List[NDArray[np.float32]]) -> None:
        """Sets every parameter, in the order and shapes of the request's."""

    def get_parameters(self, values: List[NDArray[np.float32]]) -> None:
        """Writes every parameter into these arrays, in the same order: `values[i][...] = …`"""

    def train_step(self, batch: NDArray[np.uint32]) -> Tuple[float, int]:
        """Trains on one batch, the training samples with these indices in this order. Returns
        their mean loss and how many of them were predicted rightly, both as they were before
        the update, in training mode."""

    def predict(
        self, split: str, indices: NDArray[np.uint32], batch_size: int, logits: NDArray[np.float32]
    ) -> None:
        """Writes the logits of these samples of the split, `train` or `test`, in prediction mode
        (with the running statistics) into `logits`, (len(indices), classes)."""
