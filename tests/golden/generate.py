#!/usr/bin/env python3
"""Golden tensors: what PyTorch says about small batches, as safetensors files.

Made with PyTorch 2.11.0, on the CPU. Everything is computed in float64 from inputs
rounded to float32; results are stored as float32, losses as float64.

    pip install -r requirements.txt
    python generate.py             # writes <case>.safetensors beside this script
    python generate.py --check     # writes nothing: compares the files with a fresh
                                   # computation, and gradients with finite differences

Inputs (parameters, images, labels) are not stored. They come from the counter-based
generator below, which any language reproduces bit for bit, in float64 unless said
otherwise; README.md describes it in words. The metadata of each file holds the layer
list, the batch size, the learning rate, and FNV-1a hashes of the inputs, so that a port
of the generator can be told apart from a wrong gradient.
"""

import argparse
import json
import math
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.numpy import save  # noqa: E402
from torch import nn  # noqa: E402

HERE = Path(__file__).resolve().parent

# ---------------------------------------------------------------- the generator

PARAMETER_STREAM = 1000  # + number of the parameter tensor
PATCH_STREAM = 2000  # where the patch of image n lies
LABEL_STREAM = 2001
PIXEL_STREAM = 3000  # + n
CLASSES = 10
SIDE = 28


def mix(x):
    """A 32-bit integer hash; x is an array of uint32, arithmetic wraps."""
    x = np.array(x, np.uint32, ndmin=1)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


def uniform(stream, i):
    """float64 in [0, 1) for each counter i."""
    return mix(mix(stream) + np.array(i, np.uint32, ndmin=1)) / 2.0**32


def images(count):
    """count × 1 × 28 × 28 bytes: a filled patch on a background of zeros."""
    out = np.zeros((count, 1, SIDE, SIDE), np.uint8)
    for n in range(count):
        u = uniform(PATCH_STREAM, 4 * n + np.arange(4))
        top, left = int(u[0] * 12), int(u[1] * 12)
        height, width = 8 + int(u[2] * 9), 8 + int(u[3] * 9)
        noise = np.floor(uniform(PIXEL_STREAM + n, np.arange(SIDE * SIDE)) * 256)
        patch = (slice(top, top + height), slice(left, left + width))
        out[n, 0][patch] = noise.astype(np.uint8).reshape(SIDE, SIDE)[patch]
    return out


def labels(count):
    return np.floor(uniform(LABEL_STREAM, np.arange(count)) * CLASSES).astype(np.int64)


def parameter(number, role, shape, fan_in):
    """Parameter tensor `number` (float32, row-major)."""
    i = np.arange(math.prod(shape))
    u = uniform(PARAMETER_STREAM + number, i)
    if role in ("weight", "bias"):
        value = (2.0 * u - 1.0) / math.sqrt(fan_in)
    elif role == "gamma":
        value = (u * 1.5 + 0.25) * np.where(i % 3 == 2, -1.0, 1.0)
    elif role == "beta":
        value = u - 0.5
    elif role == "running_mean":
        value = 0.2 * (u - 0.5)
    elif role == "running_var":
        value = 0.5 + u
    else:
        raise ValueError(role)
    return value.astype(np.float32).reshape(shape)


# ---------------------------------------------------------------- the models


def conv(out_channels, kernel, stride=1, padding=0):
    return {
        "kind": "conv2d",
        "out_channels": out_channels,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
    }


def pool(kind, window, stride):
    return {"kind": f"{kind}_pool2d", "window": window, "stride": stride}


def linear(out_features):
    return {"kind": "linear", "out_features": out_features}


def add(other):
    """The sum of the value before and the output of layer `other`; -1 would be the model's input."""
    return {"kind": "add", "other": other}


BN = {"kind": "batch_norm", "epsilon": 1e-5, "momentum": 0.1}
SIGMOID, RELU, TANH, FLATTEN = ({"kind": k} for k in ("sigmoid", "relu", "tanh", "flatten"))

LENET_BN = [
    conv(6, 5), BN, SIGMOID, pool("max", 2, 2),
    conv(16, 5), BN, SIGMOID, pool("max", 2, 2),
    FLATTEN,
    linear(120), BN, SIGMOID,
    linear(84), BN, SIGMOID,
    linear(10),
]  # fmt: skip
LENET = [layer for layer in LENET_BN if layer is not BN]
ZOO = [
    conv(4, 3, stride=2, padding=1), RELU, BN, pool("avg", 2, 2),
    conv(5, 3, stride=1, padding=1), BN, TANH, pool("max", 3, 2),
    FLATTEN,
    linear(12), BN, RELU,
    linear(10),
]  # fmt: skip
# Two residual blocks, the second with a convolution in its shortcut; layer 2 is read three times.
RESIDUAL = [
    conv(4, 3, stride=2, padding=1), BN, RELU,
    conv(4, 3, padding=1), BN, add(2), RELU,
    conv(6, 3, stride=2, padding=1), BN,
    conv(6, 1, stride=2) | {"from": 6}, add(8), TANH,
    conv(6, 1, stride=2) | {"from": 2}, add(11),
    pool("avg", 7, 7), FLATTEN,
    linear(10),
]  # fmt: skip

STEPS = 5
EVAL_SAMPLES = 8
# case: (layers, batch, learning rate, whether all tensors are stored or only losses and
# running statistics). At 0.5 a ReLU channel of the zoo dies at the fourth step and leaves
# the batch norm behind it without variance, hence 0.1.
CASES = {
    "lenet-bn": (LENET_BN, 32, 0.5, True),
    "lenet": (LENET, 32, 0.5, True),
    "zoo": (ZOO, 17, 0.1, True),
    "residual": (RESIDUAL, 17, 0.1, True),
    "lenet-bn-96": (LENET_BN, 96, 0.5, False),
}

ROLES = {  # PyTorch's names, in our order
    "conv2d": {"weight": "weight", "bias": "bias"},
    "linear": {"weight": "weight", "bias": "bias"},
    "batch_norm": {
        "gamma": "weight",
        "beta": "bias",
        "running_mean": "running_mean",
        "running_var": "running_var",
    },
}


class Add(nn.Module):
    def forward(self, x, other):
        return x + other


class Network(nn.Sequential):
    """The modules, each given what its layer reads."""

    def __init__(self, layers, modules):
        super().__init__(*modules)
        self.layers = layers

    def walk(self, x, apply):
        values = {-1: x}
        for index, (layer, m) in enumerate(zip(self.layers, self)):
            reads = [layer.get("from", index - 1)] + [layer[key] for key in ("other",) if key in layer]
            values[index] = apply(m, *(values[read] for read in reads))
        return values[len(self) - 1]

    def forward(self, x):
        return self.walk(x, lambda m, *inputs: m(*inputs))


def build(layers):
    """The network in float64 with the generator's values; and its tensors by name, in order."""
    modules, tensors = [], {}
    shapes = {-1: (1, SIDE, SIDE)}
    for index, layer in enumerate(layers):
        kind, fan_in = layer["kind"], None
        shape = shapes[layer.get("from", index - 1)]
        if kind == "conv2d":
            k, s, p = layer["kernel"], layer["stride"], layer["padding"]
            m = nn.Conv2d(shape[0], layer["out_channels"], k, stride=s, padding=p)
            fan_in = shape[0] * k * k
        elif kind == "linear":
            m = nn.Linear(shape[0], layer["out_features"])
            fan_in = shape[0]
        elif kind == "batch_norm":
            norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
            m = norm(shape[0], eps=layer["epsilon"], momentum=layer["momentum"])
        elif kind in ("max_pool2d", "avg_pool2d"):
            m = nn.MaxPool2d if kind == "max_pool2d" else nn.AvgPool2d
            m = m(layer["window"], layer["stride"])
        else:
            m = {
                "sigmoid": nn.Sigmoid,
                "relu": nn.ReLU,
                "tanh": nn.Tanh,
                "flatten": nn.Flatten,
                "add": Add,
            }[kind]()
        m = m.double().eval()
        with torch.no_grad():
            zeros = torch.zeros(1, *shape, dtype=torch.float64)
            shapes[index] = tuple(m(*[zeros] * (2 if kind == "add" else 1)).shape[1:])
            for role, attribute in ROLES.get(kind, {}).items():
                target = getattr(m, attribute)
                value = parameter(len(tensors), role, tuple(target.shape), fan_in)
                target.copy_(torch.from_numpy(value))
                tensors[f"{index}.{role}"] = target
        modules.append(m)
    assert shapes[len(layers) - 1] == (CLASSES,)
    return Network(layers, modules), tensors


def batch(count):
    x = images(count).astype(np.float32) / np.float32(255)
    return torch.from_numpy(x).double(), torch.from_numpy(labels(count))


# ---------------------------------------------------------------- what keeps a case sound

MARGIN = 1e-9


def convolve(m, x):
    """Convolution tap by tap, in the same order at every position.

    PyTorch's own sums equal patches in different orders, so that values which are equal
    in exact arithmetic (flat background) come out some 1e-16 apart. Here they are equal.
    """
    k, s = m.kernel_size[0], m.stride[0]
    x = nn.functional.pad(x, [m.padding[0]] * 4)
    rows, columns = ((size - k) // s + 1 for size in x.shape[2:])
    out = m.bias.view(1, -1, 1, 1)
    for c in range(m.in_channels):
        for ky in range(k):
            for kx in range(k):
                part = x[:, c : c + 1, ky : ky + s * rows : s, kx : kx + s * columns : s]
                out = out + part[:, :, :rows, :columns] * m.weight[:, c, ky, kx].view(1, -1, 1, 1)
    return out


def margins(net, x):
    """Training-mode forward without side effects, with exact ties (see `convolve`).

    Returns the smallest relative gap between the two largest distinct values of a pool
    window, the smallest distance of a ReLU's input from its kink, the smallest batch
    variance seen by a batch norm, and the share of pool windows whose maximum is tied.
    """
    gap, kink, variance, tied, windows = math.inf, math.inf, math.inf, 0, 0

    def apply(m, x, *added):
        nonlocal gap, kink, variance, tied, windows
        if isinstance(m, nn.MaxPool2d):
            w = nn.functional.unfold(x, m.kernel_size, stride=m.stride)
            w = w.view(len(x), x.shape[1], m.kernel_size**2, -1)
            top = w.amax(2, keepdim=True)
            below = torch.where(w < top, w, -math.inf).amax(2, keepdim=True)
            relative = (top - below) / torch.maximum(top.abs(), below.abs())
            gap = min(gap, relative[below.isfinite()].min().item())
            tied += int(((w == top).sum(2) > 1).sum())
            windows += top.numel()
        if isinstance(m, nn.ReLU):
            kink = min(kink, x.abs().min().item())
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            dims = [d for d in range(x.dim()) if d != 1]
            variance = min(variance, x.var(dims, unbiased=False).min().item())
            return nn.functional.batch_norm(x, None, None, m.weight, m.bias, True, 0.0, m.eps)
        return convolve(m, x) if isinstance(m, nn.Conv2d) else m(x, *added)

    net.walk(x, apply)
    return {"gap": gap, "kink": kink, "variance": variance, "tied": tied / max(windows, 1)}


def fnv1a(*arrays):
    """32-bit FNV-1a of the arrays' little-endian bytes, one after another."""
    h = 0x811C9DC5
    for a in arrays:
        for byte in np.ascontiguousarray(a).tobytes():
            h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{h:08x}"


# ---------------------------------------------------------------- the cases


def f32(t):
    return t.detach().numpy().astype(np.float32)


def compute(case):
    """The tensors and the metadata of one case."""
    layers, count, learning_rate, everything = CASES[case]
    net, tensors = build(layers)
    x, y = batch(count)
    out = {}
    metadata = {
        "case": case,
        "model": json.dumps(layers),
        "batch": str(count),
        "learning_rate": str(learning_rate),
        "torch": torch.__version__.split("+")[0],
        "fnv1a_images": fnv1a(images(count)),
        "fnv1a_labels": fnv1a(labels(count).astype(np.uint8)),
        "fnv1a_parameters": fnv1a(*(f32(t) for t in tensors.values())),
    }

    net.eval()
    with torch.no_grad():
        eval_logits = net(x[:EVAL_SAMPLES])

    net.train()
    optimiser = torch.optim.SGD(net.parameters(), lr=learning_rate)
    losses, sound = [], []
    for step in range(STEPS):
        with torch.no_grad():
            sound.append(margins(net, x))
        logits = net(x)
        loss = nn.functional.cross_entropy(logits, y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            out["loss"] = np.array([loss.item()])
            if everything:
                out["logits"] = f32(logits)
                out["correct"] = np.array([int((logits.argmax(1) == y).sum())], np.int64)
                out["eval_logits"] = f32(eval_logits)
            for name, t in tensors.items():
                if "running" in name:
                    out[f"running.{name}"] = f32(t)
                elif everything:
                    out[f"grad.{name}"] = f32(t.grad)
        optimiser.step()
    out["loss_steps"] = np.array(losses)

    for s in sound:  # a backend's rounding must not change which branch is taken
        assert s["gap"] > MARGIN and s["kink"] > MARGIN, (
            f"{case}: a near-tie or a ReLU input near zero; change PIXEL_STREAM "
            f"(and README.md): {sound}"
        )
        assert s["variance"] > 1e-6, f"{case}: a channel that hardly varies: {s}"
    metadata["smallest_pool_gap"] = f"{sound[0]['gap']:.3e}"
    metadata["smallest_pool_gap_steps"] = f"{min(s['gap'] for s in sound):.3e}"
    metadata["tied_pool_windows"] = f"{sound[0]['tied']:.4f}"
    if math.isfinite(sound[0]["kink"]):
        metadata["smallest_relu_input"] = f"{sound[0]['kink']:.3e}"
    return out, metadata, sound


def serialise(tensors, metadata):
    """safetensors bytes, with the header's entries in a fixed order."""
    raw = save(tensors)
    size = int.from_bytes(raw[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items()))}
    header.update(sorted(json.loads(raw[8 : 8 + size]).items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + raw[8 + size :]


# ---------------------------------------------------------------- checking


def finite_differences(case, gradients):
    """The worst relative error of a few gradients per tensor against central differences."""
    layers, count, _, _ = CASES[case]
    net, tensors = build(layers)
    x, y = batch(count)
    net.train()

    def loss():
        with torch.no_grad():
            return nn.functional.cross_entropy(net(x), y).item()

    worst, h = 0.0, 1e-6  # small: no pool window may switch
    for name, t in tensors.items():
        if "running" in name:
            continue
        g = gradients[f"grad.{name}"].reshape(-1)
        flat = t.detach().view(-1)
        scale = np.abs(g).max()
        for i in {0, len(g) // 2, int(np.abs(g).argmax())}:
            kept = flat[i].item()
            flat[i] = kept + h
            up = loss()
            flat[i] = kept - h
            down = loss()
            flat[i] = kept
            numeric = (up - down) / (2 * h)
            # Before a batch norm a bias has no gradient but rounding: compare absolutely.
            worst = max(worst, abs(numeric - g[i]) / max(scale, 1e-3))
    return worst


def exact_ties(case, gradients):
    """The worst relative L2 difference of a gradient from one computed with exact ties.

    It is rounding only: positions tied on a flat background see equal patches all the way
    down, so that the parameters' gradients do not depend on which of them gets the gradient.
    """
    layers, count, _, _ = CASES[case]
    net, tensors = build(layers)
    x, y = batch(count)
    net.train()
    x = net.walk(x, lambda m, *inputs: convolve(m, *inputs) if isinstance(m, nn.Conv2d) else m(*inputs))
    nn.functional.cross_entropy(x, y).backward()
    worst = 0.0
    for name, t in tensors.items():
        if "running" not in name:
            g, e = gradients[f"grad.{name}"], t.grad.numpy()
            worst = max(worst, np.linalg.norm(g - e) / max(np.linalg.norm(e), 1e-6))
    return worst


def check(case, path):
    fresh, metadata, _ = compute(case)
    with safe_open(path, "np") as f:
        assert f.metadata() == metadata, f"{path}: other metadata"
        assert set(f.keys()) == set(fresh), f"{path}: other tensors"
        stored = {name: f.get_tensor(name) for name in fresh}
    for name, value in fresh.items():
        old = stored[name]
        assert old.dtype == value.dtype and old.shape == value.shape, f"{path}: {name}"
        tolerance = 1e-12 if value.dtype == np.float64 else 1e-6
        np.testing.assert_allclose(old, value, rtol=tolerance, atol=tolerance, err_msg=name)
        print(f"  {name:24} {str(value.dtype):8} {list(value.shape)}")
    if CASES[case][3]:
        worst = finite_differences(case, stored)
        print(f"  finite differences: worst relative error {worst:.1e}")
        assert worst < 1e-5
        worst = exact_ties(case, stored)
        print(f"  with exact ties: worst relative difference of a gradient {worst:.1e}")
        assert worst < 1e-6


def main():
    parser = argparse.ArgumentParser(description="Golden tensors from PyTorch")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the files")
    parser.add_argument("--case", action="append", choices=CASES, help="default: all")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    for case in args.case or CASES:
        path = args.out / f"{case}.safetensors"
        if args.check:
            print(f"{case}: {path.stat().st_size} bytes")
            check(case, path)
            continue
        tensors, metadata, sound = compute(case)
        data = serialise(tensors, metadata)
        path.write_bytes(data)
        print(f"{case}: {len(data)} bytes, losses {tensors['loss_steps'].tolist()}")
        print(f"  {({k: v for k, v in metadata.items() if k != 'model'})}")
        print(f"  margins per step: {sound}")


if __name__ == "__main__":
    main()
