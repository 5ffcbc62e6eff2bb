"""The book's LSTM in Keras: `python -m benchmarks.contenders.text_keras jax|torch train|predict`.

`train`: `fit` on windows in memory; `predict`: the book's loop, which reads the last 60 characters again for each new
one, drawn in numpy. An identity table makes the one-hot vectors: a fifth faster than `fit` on such vectors. An unrolled
LSTM took minutes to compile; several steps an execution were as fast as one. (Keras 3.15.1 on jax 0.10.2, minima on a
busy machine, 2026-11-21.)
"""

import os
import sys
from typing import Any

import numpy as np

from benchmarks.contenders import serve
from benchmarks.contenders.text_sizes import SIZES, TEMPERATURE, Sizes, text

BATCHES = {"jax": 40, "torch": 4}  # of a call of `fit`
LENGTH = {"jax": 50, "torch": 4}  # characters of a call of the loop


def network(keras: Any, sizes: Sizes) -> Any:
    """Windows [B, T] to probabilities [B, V], compiled as the book has it."""
    tokens = keras.Input((sizes.context,), dtype="int32")
    table = np.eye(sizes.vocabulary, dtype=np.float32)
    x = keras.layers.Embedding(sizes.vocabulary, sizes.vocabulary, weights=[table], trainable=False)(tokens)
    x = keras.layers.LSTM(sizes.width)(x)
    model = keras.Model(tokens, keras.layers.Dense(sizes.vocabulary, activation="softmax")(x))
    model.compile(keras.optimizers.RMSprop(0.01), "sparse_categorical_crossentropy")
    return model


def examples(tokens: np.ndarray, context: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` windows [count, T] int32 that begin 3 characters apart, and the character after each."""
    first = 3 * np.arange(count)[:, None]
    return tokens[first + np.arange(context)].astype(np.int32), tokens[first[:, 0] + context].astype(np.int32)


def drawn(probabilities: np.ndarray, temperature: float, draw: np.random.Generator) -> int:
    """A token of p^(1/T) / Z, as in the book's section 8.1."""
    weights = np.log(probabilities.astype(np.float64)) / temperature
    weights = np.exp(weights - weights.max())
    return int(np.argmax(draw.multinomial(1, weights / weights.sum())))


def written(model: Any, window: np.ndarray, length: int, temperature: float, draw: np.random.Generator) -> np.ndarray:
    """The window [1, T] after `length` characters more."""
    for _ in range(length):
        token = drawn(model.predict(window, verbose=0)[0], temperature, draw)
        window = np.append(window[:, 1:], np.array([[token]], np.int32), axis=1)
    return window


def main(backend: str, what: str) -> None:
    """Answers with windows a second, or characters a second."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    keras.utils.set_random_seed(0)
    sizes, draw = SIZES["windows"], np.random.default_rng(0)
    model, tokens = network(keras, sizes), text(sizes.vocabulary)
    count = BATCHES[backend] * sizes.batch
    x, y = examples(tokens, sizes.context, count)
    window = x[:1]

    def predict():
        nonlocal window
        window = written(model, window, LENGTH[backend], TEMPERATURE, draw)

    if what == "train":
        serve(lambda: model.fit(x, y, batch_size=sizes.batch, verbose=0), count)
    else:
        serve(predict, LENGTH[backend])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
