"""How programs that train and evaluate are compiled: with all cores for their convolutions, too.

On a CPU XLA hands convolutions, matrix products and reductions to YNNPACK. Its convolutions use one core: 3x3 of [128,
14, 14, 32] to 64 channels, 10.2 ms, XLA's own 5.4 (medians of 9 calls, two cores of an AMD EPYC with AVX-512, jax
0.10.2, 2026-12-01). A transformer's and an MLP's step without them are compiled to what they were, word for word.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax

# YNNPACK for products and reductions alone; XLA's default has INDIVIDUAL_CONVOLUTION as well.
OWN_CONVOLUTIONS = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
}


@functools.cache
def options() -> dict[str, Any]:
    """The compiler's options, for `jax.jit`; none but on a CPU, and where this version of XLA does not have them."""
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda: 0, compiler_options=OWN_CONVOLUTIONS)()
    except Exception:  # whatever a compiler makes of an option that it does not know
        return {}
    return dict(OWN_CONVOLUTIONS)


@functools.cache
def compiled(function: Callable, static: tuple[str, ...] = (), donated: tuple[str, ...] = ()) -> Callable:
    """The function, compiled with these options; made on the first call, as nothing may touch a device at import.

    Args:
        function: with a name; equal ones share their programs.
        static: names of its static arguments.
        donated: of those whose buffers it may write in.
    """
    return jax.jit(function, static_argnames=static, donate_argnames=donated, compiler_options=options())
