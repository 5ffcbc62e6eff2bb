"""One process per contender, so that thread pools and allocators do not meet; see `serve`."""

import sys
import time
from collections.abc import Callable


def serve(work: Callable[[], object], amount: float) -> None:
    """Answers each line `SECONDS` on stdin with the work a second of a block of about that length.

    `work` does `amount` of it (images, runs) and returns when it is done.
    """
    work()
    work()  # compiled, and the caches are warm
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        end, count = start + float(line), 0
        while time.perf_counter() < end:
            work()
            count += 1
        print(count * amount / (time.perf_counter() - start), flush=True)
