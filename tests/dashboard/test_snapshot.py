import threading
from pathlib import Path

import pytest

from dashboard import queries
from tests.dashboard.republishing import republished
from tests.demo import LEAD, Demo

COUNT = "select count(*) from fact_batch"


def test_an_open_question_ends_on_the_old_file_and_the_next_one_asks_the_new(
    demo: Demo, tmp_path: Path
) -> None:
    folder = tmp_path / "snapshots"
    republished(demo, folder / "1.duckdb", agreed=0.1)
    old = queries.current(folder)
    opened, go_on = threading.Event(), threading.Event()
    answers: list[int] = []

    def ask() -> None:
        with old.connection.cursor() as cursor:
            cursor.execute("use snapshot")
            rows = cursor.execute(COUNT)
            opened.set()
            go_on.wait(20)
            answers.extend(rows.fetchall()[0])

    asked = threading.Thread(target=ask)
    asked.start()
    assert opened.wait(20)
    republished(demo, folder / "2.duckdb", agreed=0.2)
    new = queries.current(folder)
    go_on.set()
    asked.join(20)
    assert new.path.stem == "2"
    assert old.rules["reporting"]["completeness"] == 0.1
    assert new.rules["reporting"]["completeness"] == 0.2
    assert answers == [new.rows(COUNT).item()] == [old.rows(COUNT).item()]


def test_the_same_file_is_opened_once(demo: Demo) -> None:
    assert queries.current(demo.snapshots) is queries.current(demo.snapshots)


def test_a_network_that_never_published_says_so(tmp_path: Path) -> None:
    with pytest.raises(queries.NoSnapshotError, match="nothing was published"):
        queries.current(tmp_path)
    assert queries.about(tmp_path, LEAD).snapshot == "none"
