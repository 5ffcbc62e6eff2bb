"""What races: a Loop is one kind of work, a Contender one way to do it, Work what it does in its process."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Work(NamedTuple):
    """A contender that is ready to be timed."""

    call: Callable[[], object]  # does `amount` of the work, and returns when it is done
    amount: float  # in the loop's unit: images, runs, gigabytes
    quality: Callable[[], float]  # of the last call, or of all so far, as the loop defines it
    calls: int = 2  # before quality is taken and timing begins: programs are compiled and caches warm then


class Contender(NamedTuple):
    """One way to do a loop's work. Peers are imported in `prepare` only."""

    label: str
    prepare: Callable[[Any], Work]  # the sizes of a case -> Work
    packages: tuple[str, ...] = ()  # what must be installed for it besides JAX
    devices: int = 1  # host devices that JAX splits the CPU into
    cases: tuple[str, ...] = ()  # the cases that it races in; (): all

    def named(self, devices: int) -> str:
        """What rows call it on so many devices, if it uses more than one; "": it does not race there."""
        if self.devices == 1:
            return self.label
        return self.label.replace(str(self.devices), str(devices)) * (devices > 1)


class Loop(NamedTuple):
    """One kind of work, in one or more cases that differ in their sizes."""

    about: str  # what is timed, its unit, and how quality is defined
    unit: str  # of speed, as rows name it: images_per_second
    cases: Mapping[str, Any]  # name -> a NamedTuple of sizes
    contenders: Sequence[Contender]
    column: str = ""  # what rows call the case; "": there is but one
    against: Mapping[str, str] = {"against_pytorch": "PyTorch"}  # column of ratios -> label of their denominator
    within: float = 0.1  # most that qualities may differ, as a share of the largest one
    seconds: float = 2.0  # a block
    bounds: tuple[str, ...] = ()  # contenders that do other work, which shows what the machine does at most
    # The sizes of a case -> operations of products and convolutions, as ours does them, in a unit of the work
    operations: Callable[[Any], float] | None = None
