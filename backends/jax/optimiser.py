"""What a step makes of the gradients: JAX's core has no optimiser, so these are its array operations."""

import jax
import jax.numpy as jnp
import numpy as np

import trainmark as tm


def started(of: tm.Optimiser, parameters: list[jax.Array]):
    """The state at zero: how many steps were made, and per parameter m and v."""
    if of.kind == "sgd":
        return ()
    zeros = [(jnp.zeros_like(parameter), jnp.zeros_like(parameter)) for parameter in parameters]
    return jnp.zeros((), jnp.int32), zeros


def stepped(of: tm.Optimiser, rate: np.float32, state, parameters, gradients):
    """The state and the parameters after a step by these gradients."""
    if of.kind == "sgd":
        return state, [w - rate * gradient for w, gradient in zip(parameters, gradients)]
    steps, moments = state[0] + 1, []
    new = []
    for w, gradient, (m, v) in zip(parameters, gradients, state[1]):
        g = gradient + np.float32(of.weight_decay) * w
        if of.kind == "momentum":
            v = np.float32(of.momentum) * v + g
            way = v
        else:
            m = np.float32(of.beta1) * m + np.float32(1 - of.beta1) * g
            v = np.float32(of.beta2) * v + np.float32(1 - of.beta2) * g * g
            way = m / rest(of.beta1, steps) / (jnp.sqrt(v / rest(of.beta2, steps)) + np.float32(of.epsilon))
        moments.append((m, v))
        new.append(w - rate * way)
    return (steps, moments), new


def rest(beta: float, steps: jax.Array) -> jax.Array:
    """1 − βᵗ, by which a mean that began at zero is divided. Near 1 the power loses no digits so."""
    return -jnp.expm1(steps.astype(jnp.float32) * np.float32(np.log(beta))) if beta else jnp.float32(1)
