"""Where the chunks of a stage end, and after which of them Progress is made: the same wherever a run was stopped."""

from collections.abc import Iterator


def on_grid(done: int, every: int, eval_every: int) -> bool:
    """Whether a chunk that ends after `done` updates of a stage reached a multiple of `eval_every` (0: never).

    False for one that its stage's end cut short: a run that is longer has no chunk that ends there.
    """
    return bool(eval_every) and done % every == 0 and done // eval_every > (done - every) // eval_every


def pieces(done: int, steps: int, every: int, at_once: int) -> Iterator[tuple[int, int, bool]]:
    """(first step, number of steps, whether it ends a chunk) of what is dispatched, from `done` to `steps`.

    A chunk is one piece, or as many about equal ones as it takes to keep each at `at_once` steps or less (0: any).
    """
    while done < steps:
        end = min(done - done % every + every, steps)
        count = -(-(end - done) // (at_once or every))
        size = -(-(end - done) // count)
        while done < end:
            length = min(size, end - done)
            yield done, length, done + length == end
            done += length
