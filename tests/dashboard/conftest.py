from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dashboard.filters import Filters
from dashboard.viewer import Viewer
from etl.demo import World
from tests.dashboard.recounting import Recount
from tests.demo import Demo


@pytest.fixture(scope="session")
def recount(demo: Demo) -> Recount:
    """The made-up network's rows, to be counted by hand."""
    return Recount(demo)


@pytest.fixture(scope="session")
def world(demo: Demo) -> World:
    """What the generator of the made-up network drew."""
    return demo.world


@pytest.fixture(scope="session")
def snapshot_folder(demo: Demo) -> Path:
    """Where the made-up network's snapshot lies."""
    return demo.snapshots


@pytest.fixture(scope="session")
def ask(demo: Demo) -> Callable[[Viewer], AbstractContextManager[Filters]]:
    """Asks as a viewer: queries inside `with ask(viewer):` are answered for it."""
    return demo.asked_by
