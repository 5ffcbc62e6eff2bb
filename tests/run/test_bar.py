import io

import pytest

from jaxgen.run.bar import bar, clock, plain_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(stream, seconds_per_step, steps, start=0, pause=10.0):
    moment = [0.0]
    with bar(steps, "vae", start, stream, pause, now=lambda: moment[0]) as advance:
        for step in range(start + 1, steps + 1):
            moment[0] += seconds_per_step
            advance(step, {"loss": 1 / step})
    return stream.getvalue()


def test_a_log_gets_a_line_now_and_then_and_the_last_one():
    lines = run(io.StringIO(), 1.0, 25).splitlines()
    assert lines == [
        "vae  10/25  40%  1.0 steps/s  eta 0:15  loss 0.1",
        "vae  20/25  80%  1.0 steps/s  eta 0:05  loss 0.05",
        "vae  25/25  100%  1.0 steps/s  eta 0:00  loss 0.04",
    ]


def test_a_resumed_run_counts_its_own_steps_for_the_rate():
    assert run(io.StringIO(), 0.5, 104, start=100) == "vae  104/104  100%  2.0 steps/s  eta 0:00  loss 0.009615\n"


def test_the_first_steps_compilation_is_no_part_of_the_rate():
    moment, stream = [0.0], io.StringIO()
    with bar(100, "vae", 0, stream, now=lambda: moment[0]) as advance:
        for step, moment[0] in ((10, 60.0), (20, 61.0)):
            advance(step, {})
    assert stream.getvalue().splitlines()[-1] == "vae  20/100  20%  10.0 steps/s  eta 0:08"


def test_an_error_stops_the_bar_and_keeps_the_last_line():
    stream = io.StringIO()

    def fail():
        with bar(10, "vae", stream=stream) as advance:
            advance(3, {"loss": 2.0})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert stream.getvalue().startswith("vae  3/10  30%")


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    text = run(Terminal(), 0.5, 8)
    for part in ("vae", "100%", "8/8", "2.0 steps/s", "eta 0:00", "loss 0.125"):
        assert part in text


def test_lines_and_times():
    assert plain_line("a", 0, 10, 0.0, {}) == "a  0/10  0%"
    spoken = plain_line("a", 5, 10, 2.5, {}, counted=("tokens", 1024))
    assert spoken == "a  5/10  50%  2.5 steps/s  2,560 tokens/s  eta 0:02"
    assert [clock(s) for s in (0.4, 61, 3661)] == ["0:00", "1:01", "1:01:01"]
