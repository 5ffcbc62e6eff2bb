"""Processes that meet, as threads of one: what they exchange, and why they are refused."""

import contextlib
import queue
import socket
import threading
import time

import pytest

from jaxgen.core.types import Refused
from jaxgen.run import control, distributed, meeting

ABOUT = {"processes": 3, "jax": "1"}


@contextlib.contextmanager
def met(processes, others, wait=5.0):
    """(process 0's group or refusal, those of the others), which say (process, about)."""
    listener = meeting.listening(0)
    port, reached = listener.getsockname()[1], queue.SimpleQueue()

    def come(process, about):
        with contextlib.suppress(OSError):
            try:
                reached.put((process, meeting.call("localhost", port, process, processes, about, wait)))
            except Refused as refusal:
                reached.put((process, str(refusal)))

    threads = [threading.Thread(target=come, args=other) for other in others]
    for thread in threads:
        thread.start()
    try:
        first = meeting.gather(listener, processes, ABOUT, "address", wait)
    except Refused as refusal:
        first = str(refusal)
    for thread in threads:
        thread.join()
    listener.close()
    groups = dict(reached.get() for _ in others)
    yield first, groups
    for group in (first, *(each[0] for each in groups.values() if isinstance(each, tuple))):
        if isinstance(group, control.Group):
            group.close()


def test_each_receives_what_all_say():
    with met(3, [(1, ABOUT), (2, ABOUT)]) as (first, others):
        assert {answer for _, answer in others.values()} == {"address"}
        groups, seen = [first, others[1][0], others[2][0]], [[], [], []]

        def talk(group, kept):
            for n in range(20):
                kept.append(group.exchange([group.process, n]))
            kept.append(group.first(lambda: f"done by {group.process}"))
            kept.append(group.before(lambda: time.monotonic()))

        threads = [threading.Thread(target=talk, args=pair) for pair in zip(groups, seen)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for kept in seen:
        assert kept[:20] == [[[process, n] for process in range(3)] for n in range(20)]
        assert kept[20] == "done by 0"
        assert kept[21] >= seen[0][21]


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ([(1, ABOUT)], "of 3 processes 2 did not come within 1 seconds"),
        ([(1, ABOUT), (1, ABOUT)], "two processes were started as --process=1"),
        ([(1, {**ABOUT, "processes": 2})], "started otherwise than process 0 (processes: 3 here, 2 there)"),
    ],
)
def test_all_hear_why_they_do_not_meet(others, says):
    with met(3, others, 1.0) as (first, groups):
        assert says in first
        assert all(says in each for each in groups.values())


def test_who_does_not_answer_is_not_waited_for_longer_than_said():
    with meeting.listening(0) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Refused, match=f"process 0 does not answer at localhost:{port} within 0 seconds"):
        meeting.call("localhost", port, 1, 2, {}, 0.3)


def test_who_says_something_else_is_not_counted():
    listener = meeting.listening(0)
    port = listener.getsockname()[1]
    strangers = [socket.create_connection(("localhost", port)) for _ in range(3)]
    for stranger, text in zip(strangers, (b"GET / HTTP/1.1\r\n\n", b"[]\n", b'{"process": "x", "about": 3}\n')):
        stranger.sendall(text)
    caller = threading.Thread(target=meeting.call, args=("localhost", port, 1, 2, ABOUT, 5.0))
    caller.start()
    group = meeting.gather(listener, 2, ABOUT, None, 5.0)
    caller.join()
    assert group.processes == 2
    group.close()
    for each in (listener, *strangers):
        each.close()


@pytest.mark.parametrize("silent", [True, False])
def test_a_process_that_is_lost_or_leaves_ends_the_others(silent, monkeypatch, capfd):
    ended = queue.SimpleQueue()
    monkeypatch.setattr(control.os, "_exit", ended.put)
    monkeypatch.setattr(control, "LEFT", threading.Event())  # this process has not left
    monkeypatch.setattr(control, "SILENCE", 0.3 if silent else 5.0)
    monkeypatch.setattr(control, "BEAT", 60.0)
    with met(3, [(1, ABOUT), (2, ABOUT)]) as (_, others):
        if not silent:
            others[2][0].leave("its disk is full")
        # All that end, while this is not the exit of the process that tests.
        assert {ended.get(timeout=5) for _ in range(3 if silent else 2)} == {2}
    says = "of 3 is lost; the same command goes on" if silent else "process 2 of 3 left: its disk is full"
    assert says in capfd.readouterr().err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"processes": 2, "process": 0}, "belong together; missing: --coordinator"),
        ({"coordinator": "a:1"}, "missing: --processes, --process"),
        ({"coordinator": "a:1", "processes": 2, "process": 2}, "--process=2 must be below --processes=2"),
        ({"distributed": True, "processes": 2}, "not both"),
        ({"coordinator": "localhost", "processes": 2, "process": 0}, "must be HOST:PORT"),
        ({"coordinator": "localhost:70000", "processes": 2, "process": 0}, "must be HOST:PORT"),
        ({"coordinator": "no.such.machine.invalid:1", "processes": 2, "process": 0}, "no machine is called no.such"),
        ({"coordinator": "127.0.1.1:70", "processes": 2, "process": 0}, "is 127.0.1.1, which is each machine itself"),
    ],
)
def test_flags_that_name_no_processes_are_refused(given, says):
    with pytest.raises(Refused, match=says):
        distributed.start(distributed.Processes(**given))


def test_a_shell_in_an_allocation_is_no_task():
    whole = dict.fromkeys(distributed.SLURM, "1")
    distributed.check_slurm(whole)
    distributed.check_slurm({})
    with pytest.raises(Refused, match="started by srun: it has no SLURM_NTASKS, SLURM_PROCID, SLURM_LOCALID"):
        distributed.check_slurm({name: whole[name] for name in distributed.SLURM[:2]})


def test_one_process_is_alone():
    with distributed.joined(distributed.Processes(coordinator="localhost:1", processes=1, process=0)) as group:
        assert group is control.ALONE
        assert group.first(lambda: 3) == 3
