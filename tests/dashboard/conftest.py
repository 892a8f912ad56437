import pytest

from tests.dashboard.recounting import Recount
from tests.demo import Demo


@pytest.fixture(scope="session")
def recount(demo: Demo) -> Recount:
    """The made-up network's rows, to be counted by hand."""
    return Recount(demo)
