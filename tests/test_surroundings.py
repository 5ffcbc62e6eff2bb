"""What a user's surroundings do to a run: a terminal that is closed, disks that are full, variables that do not fit."""

import os
import pty
import select
import signal
import threading

import pytest
from processes import STEPS, rows_of, start, wait_for_rows

from jaxgen.run import checkpoint

pytestmark = pytest.mark.slow  # starts processes


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_a_terminal_that_is_closed_stops_with_a_checkpoint(cache, tmp_path):
    """Nothing can be printed any more then, and a progress bar is at work."""
    ours, theirs = pty.openpty()
    # SIGHUP goes to the leader of the session that has claimed the terminal; tests under nohup would hand on that it is
    # ignored.
    code = "import fcntl, signal, sys, termios, worker; fcntl.ioctl(1, termios.TIOCSCTTY, 0); "
    code += "signal.signal(signal.SIGHUP, signal.SIG_DFL); from jaxgen.run import cli; "
    code += "sys.exit(cli.main(worker.EXPERIMENT))"
    process = start(tmp_path / "run", cache, code=code, at=dict(stdout=theirs, stderr=theirs, start_new_session=True))
    os.close(theirs)
    read = threading.Thread(target=drained, args=(ours, stopped := threading.Event()))
    read.start()
    wait_for_rows(process, tmp_path / "run", 13)
    stopped.set()
    read.join()
    os.close(ours)
    assert process.wait(timeout=150) == 128 + signal.SIGHUP
    step = int(checkpoint.candidates(tmp_path / "run/checkpoints")[0].name.split("-")[1])
    assert step == 5 * rows_of(tmp_path / "run") < STEPS, "the checkpoint is not of the last step"


def drained(terminal, stopped):
    """Reads what is printed, or the process would wait for that."""
    while not stopped.is_set():
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 2**16)


@pytest.mark.parametrize(
    ("variables", "stdout", "sentence"),
    [
        ({"JAX_PLATFORMS": "nonsense"}, os.devnull, "JAX has no such device: Unable to initialize backend 'nonsense'"),
        ({"MPLBACKEND": "module://of.a.notebook"}, "/dev/full", "cannot write to stdout: No space left on device"),
    ],
)
def test_surroundings_that_do_not_fit_are_a_sentence(variables, stdout, sentence, cache, tmp_path):
    """A backend of matplotlib that it does not know fits: nothing is shown on a screen."""
    show = "drawing('p', '', plots.lines, [plots.Panel('', '', '', {'a': ([0, 1], [0, 1])})])"
    code = "import sys; import worker; from jaxgen.run import cli; from jaxgen.report import plots; "
    code += f"from jaxgen.report.canvas import drawing; show = lambda *_: [{show}]; "
    code += "sys.exit(cli.main(worker.EXPERIMENT._replace(show=show)))"
    with open(stdout, "w") as out:
        process = start(tmp_path / "run", cache, "--steps=5", code=code, variables=variables, at={"stdout": out})
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith(f"worker: {sentence}"), err
    assert (tmp_path / "run/samples/p.png").exists() == ("MPLBACKEND" in variables)
