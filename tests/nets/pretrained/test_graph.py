"""Graphs of few nodes: order, ancestors, and the folded norm."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.nets.pretrained.graph import IMAGE, Graph, Node, ancestors, channels, keras_order

NODES = (
    Node("a", "conv", (IMAGE,), features=4, bias=False),
    Node("b", "conv", ("a",), features=2),
    Node("c", "conv", ("a",), features=3),
    Node("d", "norm", ("c",), scale=True),
    Node("e", "concat", ("b", "d")),
    Node("f", "flatten", ("e",), size=(2, 3)),
)


def test_only_ancestors_are_computed():
    assert ancestors(NODES, ["b"]) == {"a", "b"}
    assert ancestors(NODES, ["d", "b"]) == {"a", "b", "c", "d"}
    assert channels(NODES) == {IMAGE: 3, "a": 4, "b": 2, "c": 3, "d": 3, "e": 5, "f": 30}


def test_the_longer_branch_comes_first_in_keras_order():
    """b and d are as far from the end, and b is the first input; c is farther although it was made after b."""
    assert keras_order(NODES) == ["a", "c", "b", "d", "e", "f"]


def test_a_norm_subtracts_divides_and_scales():
    x = jax.random.uniform(jax.random.key(0), (1, 2, 3, 3))
    graph = Graph((Node("n", "norm", (IMAGE,), scale=True),), lambda x: 2 * x)
    drawn = {name: np.float32([0.5, 1.5, n]) for n, name in enumerate(("scale", "bias", "mean", "var"), 1)}
    statistics = {name: drawn.pop(name) for name in ("mean", "var")}
    y = jax.jit(graph.apply, static_argnums=2)({"params": {"n": drawn}, "batch_stats": {"n": statistics}}, x, ("n",))
    expected = (2 * np.asarray(x) - statistics["mean"]) / np.sqrt(statistics["var"] + 1e-3)
    np.testing.assert_allclose(y["n"], expected * drawn["scale"] + drawn["bias"], atol=1e-6)


def test_gradients_reach_the_image_through_all_branches():
    """Against differences, in a direction."""
    graph = Graph((*NODES[:5], Node("g", "mean3", ("e",)), Node("h", "max3", ("g",))), jnp.sin)
    x_key, step_key, init_key = jax.random.split(jax.random.key(1), 3)
    x, step = jax.random.uniform(x_key, (1, 5, 5, 3)), jax.random.normal(step_key, (1, 5, 5, 3))
    variables = jax.jit(graph.init, static_argnums=2)(init_key, x, ("h",))

    def loss(size):
        return jnp.sum(graph.apply(variables, x + size * step, ("h",))["h"] ** 2)

    (low, high), slope = jax.jit(lambda: (jax.vmap(loss)(jnp.array([-1e-2, 1e-2])), jax.grad(loss)(0.0)))()
    np.testing.assert_allclose((high - low) / 2e-2, slope, rtol=1e-2)
