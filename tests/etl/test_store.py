import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import PocnetError
from etl import ledger
from etl.bundle import Manifest, Part
from etl.contract.schemas import SCHEMAS
from etl.fold import Arrival, Slice
from etl.ledger import Failure
from etl.mapping import REJECT_SCHEMA
from etl.store import Warehouse

START = datetime(2026, 11, 16, tzinfo=UTC)
ENTRY = "main: *"


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
            "ref": f"record {batch}",
        }
        for batch, decision in rows.items()
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
    return pl.DataFrame(rows, schema=REJECT_SCHEMA)


def arrival(
    hour: int,
    good: pl.DataFrame,
    *,
    full: bool = True,
    rejects: pl.DataFrame | None = None,
    dataset: str = "release",
    site: str = "alpha",
    gone: Iterable[str] = (),
    present: Iterable[str] | None = None,
) -> Arrival:
    rejects = refused([]) if rejects is None else rejects
    read = good.height + rejects.height
    part = Part(
        source="main",
        kind="files",
        location="*",
        since=None if full else "2026-11-15T00:00:00Z",
        records=read,
        read=read,
        present=None if present is None else len(list(present)),
    )
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
    said = [("gone", key) for key in gone] + [("present", k) for k in present or ()]
    keys = pl.LazyFrame(
        [{"entry": ENTRY, "ref": f"record {key}", "said": word} for word, key in said],
        schema={"entry": pl.String, "ref": pl.String, "said": pl.String},
    )
    entry = pl.lit(ENTRY).alias("entry")
    rows = good.with_columns(entry, _row=pl.int_range(pl.len(), dtype=pl.Int64))
    return Arrival(manifest, [Slice(rows, rejects.with_columns(entry))], keys)


def apply(warehouse: Warehouse, *arrivals: Arrival, whole: bool = False) -> int:
    with warehouse.run(START) as run:
        warehouse.land(run, arrivals, whole=whole)
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


def test_a_record_is_replaced_whole(warehouse: Warehouse) -> None:
    both = releases({"a": "released", "b": "released"})
    one_record = both.with_columns(ref=pl.lit("record 1, event ") + pl.col("batch"))
    apply(warehouse, arrival(0, one_record))
    less = one_record.filter(batch="b").with_columns(batch=pl.lit("c"))
    apply(warehouse, arrival(1, less, full=False))
    assert decisions(warehouse) == {"c": "released"}


def test_a_row_of_an_answer_without_keys_replaces_nothing(warehouse: Warehouse) -> None:
    first = releases({"a": "released"}).with_columns(ref=pl.lit("row 1"))
    apply(warehouse, arrival(0, first))
    second = releases({"b": "released"}).with_columns(ref=pl.lit("row 1"))
    apply(warehouse, arrival(1, second, full=False))
    assert decisions(warehouse) == {"a": "released", "b": "released"}


def test_a_record_that_is_gone_closes_its_rows_and_rejects(
    warehouse: Warehouse,
) -> None:
    good = releases({"a": "released", "b": "released"})
    apply(warehouse, arrival(0, good, rejects=refused(["record 9"])))
    news = releases({"c": "released"})
    apply(warehouse, arrival(1, news, full=False, gone=["b", "9", "never seen"]))
    assert decisions(warehouse) == {"a": "released", "c": "released"}
    assert warehouse.query(ledger.rejects(warehouse.table)).is_empty()


def test_a_record_read_in_the_same_pull_is_not_gone(warehouse: Warehouse) -> None:
    said = releases({"a": "released"})
    apply(warehouse, arrival(0, said, full=False, gone=["a"]))
    assert decisions(warehouse) == {"a": "released"}


def test_records_that_are_not_listed_are_closed(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases(dict.fromkeys("abcd", "released"))))
    listed = arrival(1, releases({"e": "released"}), full=False, present="abc")
    apply(warehouse, listed)
    assert "".join(decisions(warehouse)) == "abce"


@pytest.mark.parametrize("present", ["", "ab", "xyz"])
def test_a_list_that_lacks_more_than_half_is_told_and_not_believed(
    warehouse: Warehouse, present: str
) -> None:
    apply(warehouse, arrival(0, releases(dict.fromkeys("abcde", "released"))))
    with warehouse.run(START) as run:
        listed = arrival(1, releases({}), full=False, present=present)
        (landed,) = warehouse.land(run, [listed])
    (doubt,) = landed.doubts
    assert (doubt.entry, doubt.known) == (ENTRY, 5)
    assert doubt.lacking == len(set("abcde") - set(present))
    assert "".join(decisions(warehouse)) == "abcde"


def test_a_list_that_lacks_half_is_believed(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases(dict.fromkeys("abcd", "released"))))
    apply(warehouse, arrival(1, releases({}), full=False, present="ab"))
    assert "".join(decisions(warehouse)) == "ab"


def test_a_full_read_forgets_what_was_gone_before_it(warehouse: Warehouse) -> None:
    everything = releases(dict.fromkeys("abc", "released"))
    apply(
        warehouse,
        arrival(0, releases({}), full=False, gone=["b"]),
        arrival(1, everything),
        arrival(2, releases({}), full=False, present="ac"),
    )
    assert "".join(decisions(warehouse)) == "ac"


def test_a_row_goes_with_the_record_that_said_it_last(warehouse: Warehouse) -> None:
    said = releases({"a": "released"})
    apply(warehouse, arrival(0, said))
    moved = said.with_columns(ref=pl.lit("record other"))
    apply(warehouse, arrival(1, moved, full=False, gone=["a"]))
    assert versions(warehouse) == [("a", "released", 1, None)]
    apply(warehouse, arrival(2, releases({}), full=False, gone=["other"]))
    assert decisions(warehouse) == {}


def test_a_warehouse_of_an_earlier_version_is_to_be_migrated(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table bundle (bundle varchar, watermarks varchar[])")
    with pytest.raises(PocnetError, match="`pocnet migrate "):
        Warehouse(path)


@pytest.mark.parametrize("rejects", [[], ["record 2", "record 3"]])
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
    apply(warehouse, arrival(0, good, rejects=refused(["record 8", "record 9"])))
    apply(warehouse, arrival(1, good, full=False, rejects=refused(["record 9"])))
    assert standing() == [("record 8", 1), ("record 9", 1)]
    again = good.with_columns(ref=pl.lit("record 9"))
    apply(warehouse, arrival(2, again, full=False, rejects=refused(["record 10"])))
    assert standing() == [("record 10", 3), ("record 8", 1)]
    apply(warehouse, arrival(3, good))
    assert standing() == []


def test_a_run_that_breaks_leaves_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(ZeroDivisionError), warehouse.run(START) as run:
        warehouse.land(run, [arrival(0, releases({"a": "released"}))])
        raise ZeroDivisionError
    assert warehouse.last_run() == 0
    assert warehouse.bundle_names() == set()
    assert versions(warehouse) == []


def test_a_key_said_twice_takes_the_run_back(warehouse: Warehouse) -> None:
    apply(warehouse, arrival(0, releases({"a": "released", "b": "released"})))
    warehouse.connection.execute("update release set batch = 'a'")
    with pytest.raises(PocnetError, match="twice"):
        apply(warehouse, arrival(1, releases({"a": "released"}), full=False))
    assert warehouse.last_run() == 1


def test_of_a_key_said_twice_in_a_bundle_the_last_stands(warehouse: Warehouse) -> None:
    twice = pl.concat([releases({"a": "released"}), releases({"a": "rejected"})])
    apply(warehouse, arrival(0, twice))
    assert decisions(warehouse) == {"a": "rejected"}
    counted = warehouse.bundles("alpha", "release").select("good", "repeated").rows()
    assert counted == [(2, 1)]


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


KEYS = st.sets(st.sampled_from("abcd"), max_size=3)


@dataclass(frozen=True)
class Window:
    said: dict[str, str]
    full: bool
    gone: set[str]
    present: set[str] | None
    swapped: bool = False

    def record(self, batch: str) -> str:
        return "badc"["abcd".index(batch)] if self.swapped else batch

    def arrival(self, hour: int) -> Arrival:
        good = releases(self.said)
        refs = [f"record {self.record(batch)}" for batch in self.said]
        named = good.with_columns(ref=pl.Series(refs, dtype=pl.String))
        keys = {"gone": self.gone, "present": self.present}
        return arrival(hour, named, full=self.full, **keys)

    def over(self, known: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """What is known after this bundle: a decision and a record for each batch."""
        said = {b: (decision, self.record(b)) for b, decision in self.said.items()}
        if self.full and said:
            return said
        read = {record for _, record in said.values()}
        touched = read | self.gone
        left = {b: row for b, row in known.items() if row[1] not in touched}
        if self.present is not None and not self.full:
            lacking = {record for _, record in left.values()} - self.present
            there = {record for _, record in left.values()} | touched
            if 2 * len(lacking) <= len(there):
                left = {b: row for b, row in left.items() if row[1] not in lacking}
        return left | said


def test_a_list_of_keys_takes_away_what_came_in_the_same_run(
    warehouse: Warehouse,
) -> None:
    said = Window({"b": "released", "c": "released"}, False, set(), None)
    listed = Window({}, False, set(), {"b"})
    apply(warehouse, said.arrival(0), listed.arrival(1))
    assert decisions(warehouse) == {"b": "released"}


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """A bundle: what it says of which records, and which are gone or present."""
    said = draw(
        st.dictionaries(
            st.sampled_from("abcd"),
            st.sampled_from(["released", "rejected"]),
            max_size=3,
        )
    )
    if draw(st.booleans()):
        return Window(said, True, set(), None)
    present = draw(st.none() | st.sets(st.sampled_from("abcd")))
    # Two records may say the same batch: each is read under the number of the other.
    return Window(said, False, draw(KEYS), present, draw(st.booleans()))


ORDERS = given(
    said=st.lists(windows(), min_size=1, max_size=5),
    order=st.randoms(use_true_random=False),
)


@settings(max_examples=15, deadline=None)
@ORDERS
def test_bundles_in_any_order_leave_the_same_state(
    said: list[Window], order: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    converges(said, order, tmp_path_factory)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@ORDERS
def test_many_more_bundles_in_any_order_leave_the_same_state(
    said: list[Window], order: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    converges(said, order, tmp_path_factory)


def converges(
    said: list[Window], order: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whether they come in another order, one at a time or several, all is the same."""
    expected: dict[str, tuple[str, str]] = {}
    for window in said:
        expected = window.over(expected)
    decided = {batch: decision for batch, (decision, _) in sorted(expected.items())}
    arrivals = [window.arrival(hour) for hour, window in enumerate(said)]
    shuffled = list(arrivals)
    order.shuffle(shuffled)
    folder = tmp_path_factory.mktemp("orders")
    with Warehouse(folder / "shuffled.duckdb") as opened:
        for count in range(1, len(shuffled) + 1):
            apply(opened, *shuffled[:count], whole=True)
        assert decisions(opened) == decided
    # As they come, one a run or several at once, over what is known already.
    with Warehouse(folder / "ordered.duckdb") as opened:
        cut = order.randint(0, len(arrivals))
        for each in arrivals[:cut]:
            apply(opened, each)
        if arrivals[cut:]:
            apply(opened, *arrivals[cut:])
        assert decisions(opened) == decided
        records = opened.query(
            "select batch, ref from release where closed_run is null"
        )
        assert dict(records.rows()) == {
            batch: f"record {record}" for batch, (_, record) in expected.items()
        }
