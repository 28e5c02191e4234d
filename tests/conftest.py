"""Which tests run in the same process."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

GROCER = ("test_grocer.py", "test_metrics.py", "test_boards.py", "test_superset.py")


class ByFile(LoadScopeScheduling):
    """A file's tests run in one process, and so do all that need the grocer's project: each fixture is made once.

    xdist's own groups have no effect with pytest 9.2, which keeps node ids elsewhere.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return "grocer" if path.endswith(GROCER) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Take the scheduler above."""
    return ByFile(config, log)
