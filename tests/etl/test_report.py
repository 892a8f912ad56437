from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from etl.bundle import Manifest, Part
from etl.contract.schemas import SCHEMAS
from etl.fold import Arrival, Slice
from etl.mapping import REJECT_SCHEMA
from etl.network import Network, load_network
from etl.report import report
from etl.store import Warehouse
from tests.etl.drops import ENVIRON, edit, write_network

PULLED = datetime(2026, 10, 5, tzinfo=UTC)
SHOWN = ["dataset", "period", "due", "expected_rows", "received_rows"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_network(tmp_path / "network", ("alpha", "lab"))


def network(folder: Path) -> Network:
    return load_network(folder, ENVIRON)


def said(dataset: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    columns = {**SCHEMAS[dataset].create_empty().schema, "origin": pl.String}
    return pl.DataFrame(rows, schema={**columns, "ref": pl.String})


def land(
    warehouse: Warehouse, sender: str, dataset: str, good: pl.DataFrame, days: int = 0
) -> None:
    part = Part(source="main", kind="files", location="*", records=1, read=1)
    manifest = Manifest(
        site=sender,
        dataset=dataset,
        extracted_at=PULLED + timedelta(days=days),
        full=True,
        empty=False,
        mapping="0",
        records=good.height,
        read=good.height,
        parts=(part,),
    )
    none = pl.DataFrame(schema=REJECT_SCHEMA)
    entry = pl.lit("main: *").alias("entry")
    rows = good.with_columns(entry, _row=pl.int_range(pl.len(), dtype=pl.Int64))
    piece = Slice(rows, none.with_columns(entry))
    keys = pl.LazyFrame(schema=["entry", "ref", "said"])
    with warehouse.run(PULLED) as run:
        warehouse.land(run, [Arrival(manifest, [piece], keys)])


def batches(*starts: date) -> pl.DataFrame:
    rows = [
        {
            "site": "alpha",
            "batch": f"k1-{number}",
            "product": "car-t-cd19",
            "pathway": "marketing",
            "started": start,
        }
        for number, start in enumerate(starts)
    ]
    return said("batch", [*rows])


def of(frame: pl.DataFrame, site: str, dataset: str) -> pl.DataFrame:
    return frame.filter(site=site, dataset=dataset)


def test_a_silent_month_is_due_and_empty(folder: Path, tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "alpha", "batch", batches(date(2026, 8, 9), date(2026, 10, 1)))
        told = of(report(warehouse, network(folder)), "alpha", "batch")
    assert told.select(SHOWN).rows() == [
        ("batch", "2026-08", date(2026, 9, 14), None, 1),
        ("batch", "2026-09", date(2026, 10, 14), None, 0),
        ("batch", "2026-10", date(2026, 11, 14), None, 1),
    ]


def test_the_sites_own_count_is_what_is_expected(folder: Path, tmp_path: Path) -> None:
    row = {"site": "alpha", "dataset": "batch", "period": "2026-09"}
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(
            warehouse,
            "alpha",
            "declared",
            said("declared", [row | {"expected_rows": 7}]),
        )
        told = of(report(warehouse, network(folder)), "alpha", "batch")
    assert told.filter(period="2026-09")["expected_rows"].to_list() == [7]
    assert told.filter(period="2026-08")["expected_rows"].to_list() == [None]


def test_the_first_bundle_with_rows_of_a_month_says_when_it_came(
    folder: Path, tmp_path: Path
) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "alpha", "batch", batches(date(2026, 9, 1)))
        again = batches(date(2026, 9, 1), date(2026, 9, 2), date(2026, 10, 2))
        land(warehouse, "alpha", "batch", again, days=60)
        told = of(report(warehouse, network(folder)), "alpha", "batch")
    came = dict(told.select("period", "received_at").iter_rows())
    assert came["2026-09"] == PULLED
    assert came["2026-10"] == PULLED + timedelta(days=60)


def test_history_brought_in_later_was_neither_on_time_nor_late(
    folder: Path, tmp_path: Path
) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "alpha", "batch", batches(date(2026, 8, 9)))
        told = of(report(warehouse, network(folder)), "alpha", "batch")
    assert told.filter(period="2026-08")["received_at"].to_list() == [None]
    assert told.filter(period="2026-08")["received_rows"].to_list() == [1]


def test_a_site_that_is_closed_owes_nothing_more(folder: Path, tmp_path: Path) -> None:
    edit(folder, "alpha", 'stage = "active"', 'stage = "closed"')
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "alpha", "batch", batches(date(2026, 8, 9)))
        told = report(warehouse, network(folder)).filter(site="alpha")
    assert told.select("dataset", "period").rows() == [("batch", "2026-08")]


def test_a_publication_owes_no_report(folder: Path, tmp_path: Path) -> None:
    edit(folder, "alpha", 'kind = "manufacturer"', 'kind = "published"')
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "alpha", "batch", batches(date(2026, 8, 9)))
        assert report(warehouse, network(folder)).filter(site="alpha").is_empty()


def test_a_result_counts_for_its_owner_and_for_the_laboratory_that_sent_it(
    folder: Path, tmp_path: Path
) -> None:
    row = {
        "site": "alpha",
        "batch": "k1-1",
        "parameter": "viability",
        "population": "-",
        "stage": "final_product",
        "sample": "-",
        "laboratory": "lab",
        "method": "-",
        "replicate": "-",
        "value": 80.0,
        "state": "valid",
        "sampled": date(2026, 9, 1),
    }
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "lab", "result", said("result", [row]))
        told = report(warehouse, network(folder)).filter(dataset="result")
    assert told.filter(pl.col("received_rows") > 0)["site"].to_list() == [
        "alpha",
        "lab",
    ]


def test_a_site_that_sends_itself_owes_what_it_has_sent_before(
    folder: Path, tmp_path: Path
) -> None:
    own = folder / "sites" / "alpha.toml"
    head, _, _ = own.read_text().partition("[source.main]")
    own.write_text(f'{head}[agent]\npublic_key = "{"0" * 64}"\n')
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land(warehouse, "alpha", "batch", batches(date(2026, 8, 9)))
        rows = report(warehouse, network(folder))
    owed = of(rows, "alpha", "batch").select("period", "received_rows").rows()
    assert owed == [("2026-08", 1), ("2026-09", 0), ("2026-10", 0)]
