"""What backends/tch asks of libtorch and glibc that PyTorch's users do not have: see its README."""

import ctypes

import torch
from torch import nn

# glibc's numbers of M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, and tch's bytes for each: memory at the heap's
# end that is kept, and the largest block that is, which is less than the data set.
TRIM_THRESHOLD, KEPT = -1, 1 << 30
MMAP_THRESHOLD, LARGEST_KEPT = -3, 32 << 20


def keep_freed_memory() -> None:
    """Lets glibc keep what a step has freed for the next one; elsewhere nothing is changed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(TRIM_THRESHOLD, KEPT)


class MaxPool(nn.Module):
    """Max pooling by oneDNN's kernel, which is vectorised, on a CPU whose PyTorch has it."""

    def __init__(self, window: int, stride: int):
        super().__init__()
        self.window, self.stride = window, stride

    def forward(self, x):
        if x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return nn.functional.max_pool2d(x, self.window, self.stride)
        return torch.mkldnn_max_pool2d(x.to_mkldnn(), self.window, self.stride).to_dense()
