"""The layers of a model as PyTorch's modules."""

from math import prod

import torch
from torch import nn

import trainmark as tm
from tuning import MaxPool

# The implementations whose batch norm is composed from tensor operations.
COMPOSED = ("primitive", "chapter")


def network(request: tm.Request) -> nn.Sequential:
    """One module for each layer, in their order."""
    modules = [module(layer, request.implementation) for layer in request.layers]
    is_sequence = all(layer.reads == [index - 1] for index, layer in enumerate(request.layers))
    return nn.Sequential(*modules) if is_sequence else Branched(request.layers, modules)


class Branched(nn.Sequential):
    """Modules of which some read another output than that of the one before, or two of them."""

    def __init__(self, layers: list[tm.Layer], modules: list[nn.Module]):
        super().__init__(*modules)
        self.reads = [layer.reads for layer in layers]
        # Which values nobody reads any more.
        last_reader = {source: index for index, reads in enumerate(self.reads) for source in reads}
        self.done = [[source for source in reads if last_reader[source] == index] for index, reads in enumerate(self.reads)]

    def forward(self, x):
        values = {-1: x}
        for index, each in enumerate(self):
            values[index] = each(*(values[source] for source in self.reads[index]))
            for source in self.done[index]:
                del values[source]
        return values[len(self) - 1]


class Add(nn.Module):
    def forward(self, x, other):
        return x + other


def module(layer: tm.Layer, implementation: str) -> nn.Module:
    channels = layer.input[0]
    match layer.kind:
        case "conv2d":
            return nn.Conv2d(channels, layer.out_channels, layer.kernel, layer.stride, layer.padding, bias=layer.bias)
        case "linear":
            return nn.Linear(channels, layer.out_features, bias=layer.bias)
        case "batch_norm" if implementation in COMPOSED:
            return BatchNorm(layer, detach=implementation == "primitive")
        case "batch_norm":
            norm = nn.BatchNorm1d if len(layer.input) == 1 else nn.BatchNorm2d
            return norm(channels, eps=layer.epsilon, momentum=layer.momentum)
        case "max_pool2d" if implementation == "tuned":
            return MaxPool(layer.window, layer.stride)
        case "max_pool2d":
            return nn.MaxPool2d(layer.window, layer.stride)
        case "avg_pool2d":
            return nn.AvgPool2d(layer.window, layer.stride)
        case "dropout":
            return nn.Dropout(layer.rate)
        case "resize":
            return Resize(layer)
        case "flatten":
            return nn.Flatten()
        case "sigmoid":
            return nn.Sigmoid()
        case "relu":
            return nn.ReLU()
        case "tanh":
            return nn.Tanh()
        case "add":
            return Add()
    raise tm.Unsupported(f"the layer {layer.kind} is not known here")


def normalises_one_value(request: tm.Request) -> bool:
    """Whether a batch of one leaves a batch norm of PyTorch's one value per channel, which it refuses."""
    return request.implementation not in COMPOSED and any(
        layer.kind == "batch_norm" and prod(layer.input[1:]) == 1 for layer in request.layers
    )


class BatchNorm(nn.Module):
    """The chapter's BatchNorm with its function batch_norm.

    As the chapter writes it, each moving average is computed from the one before and the batch's
    statistics, with gradients enabled: it is the end of a graph that reaches back to the first step.
    `detach` cuts the statistics off that graph.
    """

    def __init__(self, layer: tm.Layer, detach: bool):
        super().__init__()
        shape = (1, layer.input[0]) + (1,) * (len(layer.input) - 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.register_buffer("moving_mean", torch.zeros(shape))
        self.register_buffer("moving_var", torch.zeros(shape))
        self.eps, self.momentum, self.detach = layer.epsilon, layer.momentum, detach

    def forward(self, x):
        if not torch.is_grad_enabled():
            x_hat = (x - self.moving_mean) / torch.sqrt(self.moving_var + self.eps)
            return self.gamma * x_hat + self.beta
        axes = 0 if x.dim() == 2 else (0, 2, 3)
        mean = x.mean(dim=axes, keepdim=True)
        var = ((x - mean) ** 2).mean(dim=axes, keepdim=True)
        x_hat = (x - mean) / torch.sqrt(var + self.eps)
        if self.detach:
            mean, var = mean.detach(), var.detach()
        self.moving_mean = (1.0 - self.momentum) * self.moving_mean + self.momentum * mean
        self.moving_var = (1.0 - self.momentum) * self.moving_var + self.momentum * var
        return self.gamma * x_hat + self.beta


class Resize(nn.Module):
    """Nearest neighbour by whole numbers: nn.Upsample rounds, and is one row off at some sizes."""

    def __init__(self, layer: tm.Layer):
        super().__init__()
        for name, before, after in zip(("rows", "columns"), layer.input[1:], layer.output[1:]):
            self.register_buffer(name, torch.arange(after) * before // after)

    def forward(self, x):
        return x.index_select(2, self.rows).index_select(3, self.columns)


# What the contract's parameters are called in PyTorch's modules and in the one above.
NAMES = {
    nn.BatchNorm1d: {"gamma": "weight", "beta": "bias"},
    nn.BatchNorm2d: {"gamma": "weight", "beta": "bias"},
    BatchNorm: {"running_mean": "moving_mean", "running_var": "moving_var"},
}


def tensors(request: tm.Request, net: nn.Sequential) -> list[torch.Tensor]:
    """The tensors of the contract's parameters. Moving averages are others after each step."""
    found = []
    for parameter in request.parameters:
        owner = net[parameter.layer]
        found.append(getattr(owner, NAMES.get(type(owner), {}).get(parameter.role, parameter.role)))
    return found
