"""Sessions that each do one thing that they must not: the model's name says which."""

import sys
import threading

import numpy as np

import trainmark as tm


def describe():
    return tm.Description(
        "misbehaving 1.0",
        [tm.Implementation("builtin", "unbiased_from_one", "does nothing")],
        [tm.Device("cpu"), tm.Device("cuda:0", "no driver")],
        notes=["a note"],
    )


class Session:
    def __init__(self, request):
        self.request = request
        self.kept = None

    def set_parameters(self, values):
        self.values = [value.copy() for value in values]

    def get_parameters(self, values):
        for place, value in zip(values, self.values):
            place[...] = value

    def train_step(self, batch):
        return 1.5, len(batch)

    def predict(self, split, indices, batch_size, logits):
        logits[...] = indices[:, None]


class Raises(Session):
    def train_step(self, batch):
        return {}["x"]


class RaisesInMidEpoch(Session):
    steps = 0

    def train_step(self, batch):
        self.steps += 1
        if self.steps == 3:
            raise RuntimeError("the third step\nfails")
        return 1.0, 0


class Exits(Session):
    def train_step(self, batch):
        sys.exit(3)


class Interrupts(Session):
    def train_step(self, batch):
        raise KeyboardInterrupt


class NeedsTooMuch(Session):
    def train_step(self, batch):
        return np.empty(1 << 60, np.uint8)


class HasNoGpuMemory(Session):
    def train_step(self, batch):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")


class SaysInvalid(Session):
    def train_step(self, batch):
        raise tm.Invalid("one sample is too few")


class SaysUnsupported(Session):
    def __init__(self, request):
        raise tm.Unsupported(f"layer 1 ({request.layers[1].kind}) is not built")


class SaysDevice(Session):
    def train_step(self, batch):
        raise tm.DeviceError("the card has fallen off the bus")


class ReturnsNothing(Session):
    def train_step(self, batch):
        pass


class ReturnsALoss(Session):
    def train_step(self, batch):
        return 0.5


class ReturnsText(Session):
    def train_step(self, batch):
        return "low", 0


class ReturnsArray(Session):
    def train_step(self, batch):
        return np.zeros(2), 0


class ReturnsAFraction(Session):
    def train_step(self, batch):
        return 0.5, 0.5


class ReturnsTooMany(Session):
    def train_step(self, batch):
        return np.float32(0.5), np.int64(len(batch) + 1)


class KeepsBatch(Session):
    def train_step(self, batch):
        self.kept = batch
        return 1.0, 0


class KeepsPartOfBatch(Session):
    def train_step(self, batch):
        self.kept = batch[1:].reshape(1, -1)
        return 1.0, 0


class KeepsPartOfOrder(KeepsPartOfBatch):
    pass


class KeepsGarbage(Session):
    def train_step(self, batch):
        cycle = [batch]
        cycle.append(cycle)
        return 1.0, 0


class KeepsParameters(Session):
    def set_parameters(self, values):
        self.values = values


class KeepsLogits(Session):
    def predict(self, split, indices, batch_size, logits):
        self.kept = logits[0]


class KeepsImages(Session):
    """Beyond its close, where others may look for them."""

    images = []

    def train_step(self, batch):
        self.images.append(self.request.test.pixels[1:])
        return 1.0, 0


class LetsGoOfImages(KeepsImages):
    def close(self):
        self.images.clear()


class WritesOtherShape(Session):
    def get_parameters(self, values):
        values[0][...] = np.zeros((2, 2))


class ReplacesParameters(Session):
    def get_parameters(self, values):
        values[1] = self.values[1]


class ReturnsParameters(Session):
    def get_parameters(self, values):
        return self.values


class ReturnsLogits(Session):
    def predict(self, split, indices, batch_size, logits):
        return np.zeros(logits.shape)


class WritesSamples(Session):
    def train_step(self, batch):
        self.request.train.pixels[0] = 0
        return 1.0, 0


class AsksWrongField(Session):
    def train_step(self, batch):
        return self.request.layers[0].kernel


class HasNoMethods:
    def __init__(self, request):
        pass

    def predict(self, *arguments):
        pass


class CannotClose(Session):
    def close(self):
        raise RuntimeError("it does not close")


class Counts(Session):
    """A thread of its own counts while nothing is called."""

    def __init__(self, request):
        super().__init__(request)
        self.counted = 0
        threading.Thread(target=self.count, daemon=True).start()

    def count(self):
        while True:
            self.counted += 1

    def train_step(self, batch):
        return self.counted, 0


class Crashes(Session):
    def train_step(self, batch):
        import ctypes

        print("printed before it crashed", end="")
        ctypes.string_at(0)


def open(request):
    if request.model == "Nothing":
        return None
    return globals()[request.model](request)
