from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer, asking
from etl.pseudonym import pseudonym
from tests.etl.drops import ENVIRON
from tests.etl.pulling import rows

LEAD = Viewer("lead")


def named(number: str) -> str:
    return pseudonym(number, "beta", ENVIRON["POCNET_KEY_TEST"], "k1")


def record(number: str) -> Filters:
    return Filters(extra={"of": "beta", "batch": named(number)})


@pytest.fixture
def third_run(third: Path) -> Iterator[Path]:
    """Asks of the network after three runs, as its lead."""
    snapshots = third / "data" / "snapshots"
    about = queries.about(snapshots, LEAD)
    with asking(Request(LEAD, snapshots, Journal(third / "journal.sqlite"), about)):
        yield snapshots


def changes(number: str, viewer: Viewer = LEAD) -> list[tuple[Any, ...]]:
    frame = queries.corrections(viewer, record(number))
    columns = ("dataset", "column", "before", "after", "brought", "run")
    return frame.select(columns).rows()


def test_a_correction_says_what_was_said_before_and_which_runs_brought_both(
    third_run: Path,
) -> None:
    assert changes("beta-002") == [
        ("batch", "ended", "2026-10-15", "2026-10-16", 1, 2),
        ("batch", "harvested", "2026-09-20", "2026-09-21", 1, 2),
    ]


def test_a_correction_that_was_taken_back_is_two(third_run: Path) -> None:
    assert changes("beta-001") == [
        ("batch", "harvested", "2026-08-13", "2026-08-14", 1, 2),
        ("batch", "harvested", "2026-08-14", "2026-08-13", 2, 3),
    ]


def test_a_row_says_the_run_that_brought_it_as_it_stands_and_the_first(
    third_run: Path,
) -> None:
    runs = {}
    for number in ("beta-001", "beta-002", "beta-003"):
        frame = queries.batch_rows(LEAD, record(number), "batch")
        runs[number] = frame.select("run", "first_run", "sender").row(0)
    assert runs == {
        "beta-001": (3, 1, "beta"),
        "beta-002": (2, 1, "beta"),
        "beta-003": (1, 1, "beta"),
    }
    (release,) = queries.batch_rows(LEAD, record("beta-001"), "release").to_dicts()
    assert release["run"] == 1
    assert release["said_reason"] is None


def test_a_batch_that_its_site_took_back_has_no_record(third_run: Path) -> None:
    assert queries.batch_facts(LEAD, record("beta-005")).is_empty()
    assert changes("beta-005") == []
    told = rows(third_run / "current", "provenance", "batch")
    assert (named("beta-005"),) not in told


def test_every_row_about_a_batch_stands_once_with_its_run(third_run: Path) -> None:
    for dataset in ("batch", "release"):
        said = len(rows(third_run / "current", dataset))
        held = [
            row
            for row in rows(third_run / "current", "provenance")
            if row[2] == dataset and row[6] is None
        ]
        assert len(held) == said > 0


@pytest.mark.parametrize(
    "viewer",
    [Viewer("site", site="alpha"), Viewer("authority", region="ES-CT"),
     Viewer("public")],
    ids=str,
)  # fmt: skip
def test_nobody_else_reads_the_record(third_run: Path, viewer: Viewer) -> None:
    assert changes("beta-001", viewer) == []
    assert queries.batch_facts(viewer, record("beta-001")).is_empty()
    assert queries.batch_rows(viewer, record("beta-001"), "batch").is_empty()
    missing = Filters(extra={"of": "beta", "batch": "k1-0000000000000000"})
    there = queries.batch_rows(viewer, record("beta-001"), "batch")
    assert there.equals(queries.batch_rows(viewer, missing, "batch"))


def test_its_own_site_reads_it(third_run: Path) -> None:
    assert len(changes("beta-001", Viewer("site", site="beta"))) == 2


def test_no_dataset_but_those_about_batches_is_asked_for(third_run: Path) -> None:
    with pytest.raises(ValueError, match="says nothing of a batch"):
        queries.batch_rows(LEAD, record("beta-001"), "site")
