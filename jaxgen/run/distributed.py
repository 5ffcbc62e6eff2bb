"""One run in several processes, on one machine or many, each with devices of its own.

JAX connects the devices (`jax.distributed`); `control` connects the processes, and ends all where one ends.
"""

import contextlib
import dataclasses
import os
import socket
import time
from collections.abc import Iterator, Mapping

import jax
import numpy as np

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.run import control, meeting
from jaxgen.run.control import ALONE, Group

MACHINE = "machine"  # a heading of --help
# What jax.distributed reads of SLURM. A shell that is opened inside an allocation has some of them only.
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")
LOOPBACK = ("localhost", "127.0.0.1", "::1")  # as who means this machine writes it


@dataclasses.dataclass(frozen=True)
class Processes:
    """In which of several processes this is."""

    distributed: bool = knob(
        False, "one of many processes, of SLURM, Open MPI, Kubernetes or a TPU", free=True, group=MACHINE
    )
    coordinator: str = knob("", "or HOST:PORT at which process 0 meets the others", free=True, group=MACHINE)
    processes: int | None = knob(None, "how many there are", lower=1, upper=2**16, free=True, group=MACHINE)
    process: int | None = knob(None, "which of them this is, from 0", lower=0, upper=2**16, free=True, group=MACHINE)


@contextlib.contextmanager
def joined(flags: Processes) -> Iterator[Group]:
    """The group of processes that this one was started in; ALONE where its flags name no others.

    Before any device is touched. What leaves the block in one process only, a refusal say, ends the others.

    Raises Refused for flags that do not belong together, and where the others are not reached in time.
    """
    group = start(flags)
    try:
        yield group
        group.exchange("done")
    except (SystemExit, FloatingPointError):  # all of them stop, at the same step
        group.exchange("stopped")
        _end(group)
        raise
    except BaseException as error:
        if group.processes > 1 and isinstance(error, jax.errors.JaxRuntimeError):
            time.sleep(2 * control.BEAT)  # the loss of another process, of which `control` is about to tell
        group.leave(f"{error}" if isinstance(error, Refused) else f"{type(error).__name__}")
        raise
    _end(group)


@contextlib.contextmanager
def silent(group: Group) -> Iterator[None]:
    """Drops what is printed, but in process 0."""
    with contextlib.ExitStack() as stack:
        if group.process:
            nowhere = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def several(flags: Processes) -> bool:
    """Whether flags name several processes. Raises Refused where some of them are missing."""
    own = {"coordinator": flags.coordinator or None, "processes": flags.processes, "process": flags.process}
    missing = [name for name, value in own.items() if value is None]
    if flags.distributed:
        if len(missing) < len(own):
            raise Refused(
                "--distributed asks the surroundings what --coordinator, --processes and --process say; not both"
            )
        return True
    if 0 < len(missing) < len(own):
        raise Refused(f"--coordinator, --processes and --process belong together; missing: --{', --'.join(missing)}")
    process, processes = flags.process or 0, flags.processes or 0
    if not missing and process >= processes:
        raise Refused(f"--process={process} must be below --processes={processes}")
    return not missing and processes > 1


def start(flags: Processes) -> Group:
    """See `joined`."""
    if not several(flags):
        return ALONE
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, which a run stops at
    group = _detected(os.environ) if flags.distributed else _named(flags)
    counts = group.exchange(jax.local_device_count())
    if len(set(counts)) > 1:
        group.leave(sentence := f"processes need equally many devices each; found {counts}")
        raise Refused(sentence)
    return group


def _named(flags):
    """The group at --coordinator."""
    host, port = address(flags.coordinator)
    about = {"processes": flags.processes, "jax": jax.__version__}
    if flags.process:
        group, at = meeting.call(host, port, flags.process, flags.processes, about)
    else:
        listener = meeting.listening(port)
        at = f"{host}:{_free_port()}"
        group = meeting.gather(listener, flags.processes, about, at)
        listener.close()
    _initialize(coordinator_address=at, num_processes=flags.processes, process_id=flags.process)
    return group


def address(coordinator: str) -> tuple[str, int]:
    """Host and port. Raises Refused where it is no address, or one that other machines cannot reach by this name."""
    host, _, port = coordinator.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise Refused(f"--coordinator={coordinator} must be HOST:PORT, as in 10.0.0.1:7000")
    try:
        every = {str(each[4][0]) for each in socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)}
    except OSError as error:
        raise Refused(f"--coordinator={coordinator}: no machine is called {host} ({error.strerror})") from error
    if host not in LOOPBACK and (inward := [one for one in every if one == "::1" or one.startswith("127.")]):
        raise Refused(f"--coordinator={coordinator} is {inward[0]}, which is each machine itself; name its own address")
    return host, int(port)


def _detected(environ: Mapping[str, str]) -> Group:
    """The group that SLURM, Open MPI, Kubernetes or a Cloud TPU has started."""
    check_slurm(environ)
    _initialize(initialization_timeout=int(meeting.WAIT))
    from jax.experimental import multihost_utils

    process, processes = jax.process_index(), jax.process_count()
    if processes == 1:
        return ALONE
    about, announced = {"processes": processes, "jax": jax.__version__}, np.zeros(256, np.uint8)
    listener = None if process else meeting.listening(0)
    if listener:
        text = f"{_own_address()}:{listener.getsockname()[1]}".encode()
        announced[: len(text)] = np.frombuffer(text, np.uint8)
    announced = np.asarray(multihost_utils.broadcast_one_to_all(announced))
    if listener:
        return meeting.gather(listener, processes, about, None)
    host, _, port = announced.tobytes().rstrip(b"\0").decode().rpartition(":")
    return meeting.call(host, int(port), process, processes, about)[0]


def check_slurm(environ: Mapping[str, str]) -> None:
    """Raises Refused where part of what SLURM tells its tasks is missing."""
    missing = [name for name in SLURM if name not in environ]
    if 0 < len(missing) < len(SLURM) and SLURM[0] not in missing:
        raise Refused(f"--distributed: this is no task of SLURM's, started by srun: it has no {', '.join(missing)}")


def _initialize(**settings):
    """Connects the devices. Raises Refused where there are none to connect to, or they do not answer."""
    try:
        jax.distributed.initialize(heartbeat_timeout_seconds=int(2 * control.SILENCE), **settings)
    except (RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise Refused(f"the processes cannot be connected: {reason}; --coordinator=HOST:PORT names where") from error


def _end(group):
    """Leaves the others in peace, when all of them are here."""
    group.close()
    if group.processes > 1:
        jax.distributed.shutdown()


def _free_port():
    with socket.create_server(("", 0)) as found:
        return found.getsockname()[1]


def _own_address():
    """Of this machine, as others reach it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it chooses the interface that leads outwards
        return probe.getsockname()[0]
    return socket.gethostbyname(socket.gethostname())
