"""What the optimisers that race are given: ten million parameters in one array, or in the 1,009 of a network."""

ADAM, TRIAD = 7, 3  # arrays to be read or written at least: g, theta, m, s and theta, m, s again; b, c and b again
WIDTH, BLOCKS, WORDS = 96, 84, 6632


def shapes(leaves: str) -> list[tuple[int, ...]]:
    """`network`: those of a transformer's embedding, kernels and biases; `one`: as many parameters in one.

    A block has four maps of the width to itself (queries, keys, values, output), one to four widths and one back: in
    all 504 biases of 96 or 384, 504 kernels of 9,216 or 36,864, and an embedding of 636,672; 9,998,976 parameters.
    """
    wide = 4 * WIDTH
    block = [(WIDTH, WIDTH), (WIDTH,)] * 4 + [(WIDTH, wide), (wide,), (wide, WIDTH), (WIDTH,)]
    if leaves == "network":
        return [(WORDS, WIDTH), *block * BLOCKS]
    return [(WORDS * WIDTH + BLOCKS * (12 * WIDTH**2 + 9 * WIDTH),)]
