import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "data" / "journal.sqlite")


def test_an_entry_comes_back_with_who_when_what_and_why(journal: Journal) -> None:
    id_ = journal.write("lead", "rebase", "site:alpha", {"from": "2025-03"}, "new line")
    (entry,) = journal.read()
    assert (entry.id, entry.who, entry.kind) == (id_, "lead", "rebase")
    assert (entry.subject, entry.body) == ("site:alpha", {"from": "2025-03"})
    assert entry.why == "new line"
    assert entry.at.utcoffset() is not None


def test_entries_are_read_by_kind_and_subject_oldest_first(journal: Journal) -> None:
    for subject in ("a", "b", "a"):
        journal.write("lead", "note", subject, {}, "")
    journal.write("lead", "vote", "a", {}, "")
    assert [e.id for e in journal.read("note", "a")] == [1, 3]
    assert [e.id for e in journal.read(subject="a")] == [1, 3, 4]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET why = ''",
        "DELETE FROM entry",
        "REPLACE INTO entry VALUES (1, '2026-01-01', 'x', 'note', 'a', '{}', '')",
    ],
)
def test_no_entry_can_be_changed_or_deleted(journal: Journal, statement: str) -> None:
    journal.write("lead", "note", "a", {}, "kept")
    refused = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with closing(sqlite3.connect(journal.path)) as connection, refused:
        connection.execute(statement)
    assert journal.read()[0].why == "kept"


def test_an_entry_without_an_author_is_refused(journal: Journal) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        journal.write("", "note", "a", {}, "")


def test_threads_write_at_the_same_time_and_lose_nothing(journal: Journal) -> None:
    def write(i: int) -> int:
        return journal.write("lead", "note", str(i), {"i": i}, "")

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(write, range(80)))
    assert sorted(ids) == list(range(1, 81))
    assert {e.body["i"] for e in journal.read()} == set(range(80))


def test_processes_write_at_the_same_time_and_lose_nothing(journal: Journal) -> None:
    code = (
        "import sys; from pathlib import Path; from dashboard.journal import Journal\n"
        "j = Journal(Path(sys.argv[1]))\n"
        "for i in range(20): j.write('lead', 'note', sys.argv[2], {}, '')"
    )
    command = [sys.executable, "-c", code, str(journal.path)]
    root = Path(__file__).parents[2]
    writers = [subprocess.Popen([*command, name], cwd=root) for name in ("a", "b", "c")]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    assert len(journal.read("note")) == 60
    assert len(journal.read(subject="b")) == 20
