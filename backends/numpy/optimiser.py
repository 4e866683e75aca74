"""What a step makes of the gradients."""

import numpy as np

import trainmark as tm


class Optimiser:
    """Its state begins at zero: a mean of gradients and one of their squares for each parameter."""

    def __init__(self, request: tm.Request):
        self.rate, self.of = np.float32(request.learning_rate), request.optimiser
        self.reset()

    def reset(self):
        self.steps, self.state = 0, {}

    def step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]):
        """Changes parameters, which come in the same order every time, in place."""
        self.steps += 1
        for index, (parameter, gradient) in enumerate(zip(parameters, gradients)):
            parameter -= self.rate * self.way(index, parameter, gradient)

    def way(self, index: int, w: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        if self.of.kind == "sgd":
            return gradient
        g = gradient + np.float32(self.of.weight_decay) * w
        m, v = self.state.setdefault(index, (np.zeros_like(w), np.zeros_like(w)))
        if self.of.kind == "momentum":
            # v ← momentum·v + g
            v *= np.float32(self.of.momentum)
            v += g
            return v
        # m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)
        beta1, beta2 = self.of.beta1, self.of.beta2
        m *= np.float32(beta1)
        m += np.float32(1 - beta1) * g
        v *= np.float32(beta2)
        v += np.float32(1 - beta2) * g * g
        mean, square = np.float32(1 - beta1**self.steps), np.float32(1 - beta2**self.steps)
        return (m / mean) / (np.sqrt(v / square) + np.float32(self.of.epsilon))
