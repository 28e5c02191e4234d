import subprocess
import sys

import pytest

from ml.meter import core_seconds

SPENT = 1.0  # seconds of the child
BUSY = f"import time\nwhile time.process_time() < {SPENT}: pass\nprint('done', flush=True)\ninput()"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell nothing of a child before it ends")
def test_children_count_while_they_run_and_once_when_they_have_ended() -> None:
    before = core_seconds()
    child = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "done\n"
    running = core_seconds() - before
    child.communicate("\n")
    ended = core_seconds() - before
    # The system counts in hundredths, and rounds down. Counted twice, it would be twice as much.
    assert running >= 0.9 * SPENT
    assert running - 0.1 * SPENT <= ended < running + 0.5 * SPENT
