"""Spectral normalisation: layers whose largest singular value is kept at 1.

Miyato et al. 2018, https://arxiv.org/abs/1802.05957: a kernel, as a matrix W [K, O] of its outputs O, is divided by an
estimate v^T W u of its largest singular value. The unit vector u [O] is kept and moves by one power iteration a step.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

COLLECTION = "spectral"
TINY = 1e-12  # the smallest norm that is divided by


def _unit(vector):
    return vector / jnp.maximum(jnp.linalg.norm(vector), TINY)


def power_iteration(kernel: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(sigma [], the next u [O]) of a kernel [..., O]: v = W u / |W u|, u = W^T v / |W^T v|, sigma = v^T W u.

    u and v are constants of sigma, whose derivative in W is v u^T.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    constant = jax.lax.stop_gradient(matrix)
    v = _unit(constant @ jax.lax.stop_gradient(u))
    u = _unit(constant.T @ v)
    return v @ matrix @ u, u


class Spectral(nn.Module):
    """A layer with its `kernel` divided by its largest singular value: `Spectral(nn.Dense(8))`, `Spectral(Conv(8))`.

    Parameters are the layer's own, under the name `linear`, and float32; so is u, the collection `spectral`, which the
    caller carries as batch statistics are carried: `apply(variables, x, train=True, mutable=["spectral"])`. Apply a
    critic to all images of a step at once, or with the same u, so that all are judged by one kernel.
    """

    layer: nn.Module

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """What the layer returns of x. `train` moves u by one iteration, from the one that `init` draws."""
        layer = self.layer.clone(parent=None)
        params = self.param("linear", lambda key: layer.init(key, x)["params"])
        kernel = params["kernel"]
        draw = lambda: _unit(jax.random.normal(self.make_rng("params"), kernel.shape[-1:], jnp.float32))
        u = self.variable(COLLECTION, "u", draw)
        sigma, moved = power_iteration(kernel, u.value)
        if train and not self.is_initializing():
            u.value = moved
        y = layer.apply({"params": {**params, "kernel": kernel / jnp.maximum(sigma, TINY)}}, x)
        assert isinstance(y, jax.Array)  # there is nothing mutable
        return y
