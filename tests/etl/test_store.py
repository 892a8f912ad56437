import itertools
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import PocnetError
from etl import ledger
from etl.bundle import Manifest, Part
from etl.contract.schemas import SCHEMAS
from etl.fold import Arrival, fold
from etl.ledger import Failure
from etl.store import Warehouse

START = datetime(2026, 11, 16, tzinfo=UTC)
REJECT = {
    "row": pl.Int64,
    "origin": pl.String,
    "ref": pl.String,
    "column": pl.String,
    "rule": pl.String,
    "read": pl.String,
    "expected": pl.String,
}


def releases(rows: dict[str, str], site: str = "alpha") -> pl.DataFrame:
    """One release a batch, decided as given."""
    said = [
        {
            "site": site,
            "batch": batch,
            "gate": "final",
            "decision": decision,
            "decided": date(2026, 11, 1),
            "origin": "release.csv",
            "ref": f"line {number}",
        }
        for number, (batch, decision) in enumerate(rows.items(), start=2)
    ]
    columns = {
        **SCHEMAS["release"].create_empty().schema,
        "origin": pl.String,
        "ref": pl.String,
    }
    return pl.DataFrame(said, schema=columns)


def refused(refs: Iterable[str]) -> pl.DataFrame:
    rows = [
        {
            "row": 0,
            "origin": "release.csv",
            "ref": ref,
            "column": "gate",
            "rule": "gate",
        }
        for ref in refs
    ]
    return pl.DataFrame(rows, schema=REJECT)


def arrival(
    hour: int,
    good: pl.DataFrame,
    *,
    full: bool = True,
    rejects: pl.DataFrame | None = None,
    dataset: str = "release",
    site: str = "alpha",
) -> Arrival:
    rejects = refused([]) if rejects is None else rejects
    read = good.height + rejects.height
    part = Part(source="main", kind="files", location="*", records=read, read=read)
    manifest = Manifest(
        site=site,
        dataset=dataset,
        extracted_at=START + timedelta(hours=hour),
        full=full,
        empty=read == 0,
        mapping="0",
        records=read,
        read=read,
        parts=(part,),
    )
    return Arrival(manifest, good, rejects, good.height, 0, rejects.height)


def apply(warehouse: Warehouse, *arrivals: Arrival, whole: bool = False) -> int:
    with warehouse.run(START) as run:
        for each in arrivals:
            warehouse.note(run, each)
        warehouse.apply(run, fold(arrivals, whole=whole))
        warehouse.finish(run, [])
    return run


def decisions(warehouse: Warehouse) -> dict[str, str]:
    rows = warehouse.current("release").select("batch", "decision").sort("batch").rows()
    return dict(rows)


def versions(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return (
        warehouse.connection.sql(
            "select batch, decision, opened_run, closed_run from release "
            "order by batch, opened_run"
        )
        .pl()
        .rows()
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterable[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def test_unchanged_rows_are_not_written_again(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases({"a": "released", "b": "rejected"})))
    apply(warehouse, arrival(1, releases({"b": "rejected", "a": "released"})))
    assert versions(warehouse) == [
        ("a", "released", 1, None),
        ("b", "rejected", 1, None),
    ]


def test_a_changed_row_closes_its_earlier_version(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases({"a": "released"})))
    apply(warehouse, arrival(1, releases({"a": "rejected"})))
    assert versions(warehouse) == [("a", "released", 1, 2), ("a", "rejected", 2, None)]


def test_a_full_window_closes_rows_that_are_gone(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases({"a": "released", "b": "released"})))
    apply(warehouse, arrival(1, releases({"a": "released"})))
    assert decisions(warehouse) == {"a": "released"}


def test_an_incremental_window_only_adds_and_corrects(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases({"a": "released", "b": "released"})))
    news = releases({"b": "rejected", "c": "released"})
    apply(warehouse, arrival(1, news, full=False))
    assert decisions(warehouse) == {"a": "released", "b": "rejected", "c": "released"}


@pytest.mark.parametrize("rejects", [[], ["line 2", "line 3"]])
def test_no_good_row_at_all_is_not_a_deletion(
    warehouse: Warehouse, rejects: list[str]
) -> None:
    apply(warehouse, arrival(0, releases({"a": "released"})))
    apply(warehouse, arrival(1, releases({}), rejects=refused(rejects)))
    assert decisions(warehouse) == {"a": "released"}


def test_one_sender_never_closes_the_rows_of_another(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases({"a": "released"})))
    other = releases({"a": "rejected"}, site="beta")
    apply(warehouse, arrival(1, other, site="beta"))
    assert warehouse.current("release").height == 2


def test_a_reject_stands_until_its_place_is_read_again(warehouse: Warehouse) -> None:
    def standing() -> list[tuple[object, ...]]:
        sql = f"select ref, run from ({ledger.rejects(warehouse.table)}) order by ref"
        return warehouse.connection.sql(sql).pl().rows()

    good = releases({"a": "released"})
    apply(warehouse, arrival(0, good, rejects=refused(["line 8", "line 9"])))
    apply(warehouse, arrival(1, good, full=False, rejects=refused(["line 9"])))
    assert standing() == [("line 8", 1), ("line 9", 1)]
    again = good.with_columns(ref=pl.lit("line 9"))
    apply(warehouse, arrival(2, again, full=False, rejects=refused(["line 10"])))
    assert standing() == [("line 10", 3), ("line 8", 1)]
    apply(warehouse, arrival(3, good))
    assert standing() == []


def test_a_run_that_breaks_leaves_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(ZeroDivisionError), warehouse.run(START) as run:
        said = arrival(0, releases({"a": "released"}))
        warehouse.note(run, said)
        warehouse.apply(run, fold([said], whole=False))
        raise ZeroDivisionError
    assert warehouse.last_run() == 0
    assert warehouse.bundle_names() == set()
    assert versions(warehouse) == []


def test_a_key_said_twice_takes_the_run_back(warehouse: Warehouse) -> None:
    twice = pl.concat([releases({"a": "released"}), releases({"a": "rejected"})])
    with pytest.raises(PocnetError, match="twice"):
        apply(warehouse, arrival(0, twice))
    assert warehouse.last_run() == 0


def test_the_owners_own_result_goes_before_a_laboratorys(warehouse: Warehouse) -> None:
    def result(value: float) -> pl.DataFrame:
        row = {
            "site": "alpha",
            "batch": "k1-a",
            "parameter": "viability",
            "population": "-",
            "stage": "final_product",
            "sample": "-",
            "laboratory": "lab",
            "method": "-",
            "replicate": "-",
            "value": value,
            "state": "valid",
        }
        columns = {
            **SCHEMAS["result"].create_empty().schema,
            "origin": pl.String,
            "ref": pl.String,
        }
        return pl.DataFrame([row], schema=columns)

    apply(warehouse, arrival(0, result(80.0), dataset="result", site="lab"))
    assert warehouse.current("result")["value"].to_list() == [80.0]
    apply(warehouse, arrival(1, result(81.0), dataset="result"))
    assert warehouse.current("result")["value"].to_list() == [81.0]


def test_failures_and_the_state_of_a_run_are_kept(warehouse: Warehouse) -> None:
    with warehouse.run(START) as run:
        warehouse.finish(run, [Failure("beta", "main", "beta did not answer.")])
    sql = "select state, message from run join source_error using (run)"
    assert warehouse.connection.sql(sql).pl().rows() == [
        ("partial", "beta did not answer.")
    ]


def test_a_second_writer_is_told_who_is_writing(warehouse: Warehouse) -> None:
    path = warehouse.connection.sql(
        "select path from duckdb_databases() where database_name = 'warehouse'"
    ).pl()["path"][0]
    code = (
        "import sys; from pathlib import Path; from etl.store import Warehouse\n"
        "try: Warehouse(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    run = [sys.executable, "-c", code, path]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert said.startswith("PocnetError Another pocnet is writing to")
    assert "(process " in said


SAID = st.dictionaries(
    st.sampled_from("abcd"), st.sampled_from(["released", "rejected"]), max_size=3
)


@settings(max_examples=30, deadline=None)
@given(
    windows=st.lists(st.tuples(SAID, st.booleans()), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_bundles_in_any_order_leave_the_same_state(
    windows: list[tuple[dict[str, str], bool]],
    order: object,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    arrivals = [
        arrival(hour, releases(said), full=full)
        for hour, (said, full) in enumerate(windows)
    ]
    expected: dict[str, str] = {}
    for said, full in windows:
        expected = dict(said) if full and said else expected | said
    shuffled = list(arrivals)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("orders")
    with Warehouse(folder / "warehouse.duckdb") as opened:
        for count in itertools.count(1):
            apply(opened, *shuffled[:count], whole=True)
            if count == len(shuffled):
                break
        assert decisions(opened) == expected
