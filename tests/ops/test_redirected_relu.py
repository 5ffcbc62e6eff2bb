import jax
import numpy as np

from jaxgen.ops.redirected_relu import redirected_relu

X = np.array([[-1.0, 2.0, -3.0], [-1.0, -2.0, 0.0], [-1.0, 5.0, -2.0]], np.float32)
G = np.array([[-1.0, -1.0, 1.0], [-1.0, 1.0, -2.0], [-1.0, 0.0, 1.0]], np.float32)


def test_the_gradient_passes_silent_units_only_where_none_else_passes():
    both = lambda x, g: (redirected_relu(x), jax.vjp(redirected_relu, x)[1](g)[0])
    y, gradient = jax.jit(both)(X, G)
    np.testing.assert_array_equal(y, np.maximum(X, 0))
    # First: a unit is active and has a gradient. Second: all are silent. Third: the active one has none.
    expected = [[0.0, -1.0, 0.0], [-1.0, 0.0, -2.0], [-1.0, 0.0, 0.0]]
    np.testing.assert_array_equal(gradient, expected)
    alone = jax.jit(jax.vmap(lambda x, g: both(x[None], g[None])[1][0]))  # each a batch of its own
    np.testing.assert_array_equal(alone(X, G), expected)
    along = jax.jit(lambda x, g: jax.jvp(redirected_relu, (x,), (g,))[1])
    np.testing.assert_array_equal(along(X, G), np.where(X > 0, G, 0))


def test_descent_excites_a_silent_unit():
    weights, start = np.array([[1.0], [-2.0]], np.float32), np.array([[-1.0, 0.5]], np.float32)

    def after(relu):
        descend = lambda _, x: x - 0.1 * jax.grad(lambda x: -relu(x @ weights).mean())(x)
        return float(jax.jit(lambda x: jax.lax.fori_loop(0, 10, descend, x) @ weights)(start)[0, 0])

    assert after(jax.nn.relu) == -2.0
    assert after(redirected_relu) > 1.0
