"""The training images as the notebook's data set gives them to its DataLoader: one at a time."""

import numpy as np
import torch
from torch.utils.data import Dataset

import trainmark as tm


class Images(Dataset):
    """torchvision's FashionMNIST with the transform ToTensor, but for the PIL image in between."""

    def __init__(self, samples: tm.Samples):
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        # ToTensor's arithmetic: bytes of one image to floats, divided by 255.
        pixels = torch.from_numpy(np.array(self.samples.pixels[index], copy=True))
        return pixels.to(dtype=torch.float32).div(255), int(self.samples.labels[index])
