"""A snapshot that continues the one before equals one that is made anew."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl import continuing, judged_tables
from etl.bundle import Manifest, Part
from etl.contract.schemas import KEYS, SCHEMAS
from etl.fold import Arrival, Slice
from etl.mapping import REJECT_SCHEMA
from etl.panel import Words
from etl.panel_tables import read_panel
from etl.publish import Edition, publish
from etl.store import Warehouse

Row = dict[str, Any]
START = datetime(2026, 11, 16, tzinfo=UTC)
DAY = date(2026, 11, 16)
SITES = ("alpha", "beta", "gamma")
PRODUCTS = ("cart", "msc")
ENTRY = "main: *"
# Positions are given out in the order of arrival; what stands at them is compared.
PLACED = ("replay_figure", "replay_word")


def site_row(site: str) -> Row:
    return {"site": site, "name": site, "country": "ES", "region": "ES-CT",
            "kind": "manufacturer", "stage": "active"}  # fmt: skip


def batch_row(site: str, number: int, draw: Random) -> Row:
    started = date(2026, 3, 1) + timedelta(days=draw.randrange(200))
    ended = draw.random() < 0.8
    return {
        "site": site, "batch": f"k1-{number:04}", "product": draw.choice(PRODUCTS),
        "pathway": "clinical_trial", "order_key": f"k1-9{draw.randrange(20):03}",
        "attempt": draw.choice((1, 2)), "collected": started - timedelta(days=2),
        "started": started, "harvested": started + timedelta(days=10),
        "infused": started + timedelta(days=18) if draw.random() < 0.5 else None,
        "ended": started + timedelta(days=20) if ended else None,
        "process": "prodigy", "cells_final": draw.random() * 1e8,
    }  # fmt: skip


def result_rows(batch: Row, draw: Random) -> list[Row]:
    whose = {name: batch[name] for name in ("site", "batch")}
    sampled = batch["harvested"]
    common = {
        **whose, "stage": "final_product", "population": "cells", "sample": "-",
        "laboratory": "-", "method": "-", "replicate": "-", "state": "valid",
        "sampled": sampled,
        "reported": draw.choice((None, sampled + timedelta(days=3))),
        "spec_version": "1",
    }  # fmt: skip
    return [
        {**common, "parameter": "viability", "unit": "%",
         "value": float(draw.randrange(50, 100))},
        {**common, "parameter": "sterility", "population": "-", "unit": None,
         "text": draw.choice(("negative", "positive"))},
    ]  # fmt: skip


def release_row(batch: Row, draw: Random) -> Row:
    return {
        "site": batch["site"], "batch": batch["batch"],
        "gate": draw.choice(("release", "provisional", "final")),
        "decision": draw.choice(("released", "rejected", "released_out_of_spec")),
        "decided": batch["harvested"] + timedelta(days=draw.randrange(9)),
    }  # fmt: skip


def demand_row(site: str, number: int, draw: Random) -> Row:
    ordered = date(2026, 2, 1) + timedelta(days=draw.randrange(200))
    closed = draw.choice((None, ordered + timedelta(days=60)))
    return {
        "site": site, "order_key": f"k1-9{number:03}", "product": draw.choice(PRODUCTS),
        "ordered": ordered, "closed": closed,
        "close_reason": closed and draw.choice(("treated", "withdrawn")),
    }  # fmt: skip


def material_row(batch: Row, draw: Random) -> Row:
    return {
        "site": batch["site"], "batch": batch["batch"], "kind": "vector",
        "supplier": "acme", "lot": draw.choice(("L1", "L2", "L3")),
    }  # fmt: skip


def deviation_row(site: str, number: int, batch: Row, draw: Random) -> Row:
    opened = batch["started"] + timedelta(days=draw.randrange(9))
    return {
        "site": site, "deviation": f"k1-8{number:03}",
        "batch": draw.choice((None, batch["batch"])),
        "grade": draw.choice(("minor", "major")), "opened": opened,
        "closed": draw.choice((None, opened + timedelta(days=30))),
    }  # fmt: skip


def criterion_rows(site: str, least: float) -> list[Row]:
    common = {"site": site, "spec_version": "1", "gate": "release", "method": "-",
              "laboratory": "-", "stage": "final_product",
              "status": "release"}  # fmt: skip
    return [
        row
        for product in PRODUCTS
        for row in (
            {**common, "product": product, "parameter": "viability", "unit": "%",
             "population": "cells", "operator": ">=", "limit_low": least},
            {**common, "product": product, "parameter": "sterility",
             "population": "-", "operator": "text", "text_limit": "negative"},
        )
    ]  # fmt: skip


@dataclass
class Members:
    """What the sites know, and a warehouse that hears what changes of it."""

    warehouse: Warehouse
    draw: Random
    said: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    day: date = DAY
    hour: int = 0
    number: int = 0

    def begin(self) -> None:
        with self.warehouse.run(START) as run:
            hub = {
                "site": [site_row(site) for site in SITES],
                "product": [
                    {"product": p, "title": p, "product_class": "car_t",
                     "source": "autologous"} for p in PRODUCTS
                ],
            }  # fmt: skip
            for dataset, rows in hub.items():
                self.warehouse.write(run, dataset, framed(dataset, rows), complete=True)
            self.warehouse.finish(run, [])
        for site in SITES:
            for dataset in ("batch", "result", "release", "material", "deviation"):
                self.said[site, dataset] = []
            self.said[site, "demand"] = [
                demand_row(site, number, self.draw) for number in range(0, 20, 2)
            ]
            self.said[site, "criterion"] = criterion_rows(site, 70.0)
            for _ in range(6):
                self.new_batch(site)
        self.tell(*self.said)

    def tell(self, *which: tuple[str, str]) -> None:
        """All that these senders have of these datasets, in one run."""
        self.hour += 1
        with self.warehouse.run(START + timedelta(hours=self.hour)) as run:
            for site, dataset in dict.fromkeys(which):
                rows = framed(dataset, self.said[site, dataset])
                self.warehouse.land(run, [arrival(site, dataset, rows, self.hour)])
            self.warehouse.finish(run, [])

    def new_batch(self, site: str) -> None:
        self.number += 1
        batch = batch_row(site, self.number, self.draw)
        self.said[site, "batch"].append(batch)
        self.said[site, "result"] += result_rows(batch, self.draw)
        if self.draw.random() < 0.8:
            self.said[site, "release"].append(release_row(batch, self.draw))
        if self.draw.random() < 0.5:
            self.said[site, "material"].append(material_row(batch, self.draw))

    def one(self, site: str, dataset: str) -> Row:
        return self.draw.choice(self.said[site, dataset])

    # What may happen between two runs.

    def a_batch_more(self, site: str) -> None:
        self.new_batch(site)
        self.tell((site, "batch"), (site, "result"), (site, "release"))

    def a_result_corrected(self, site: str) -> None:
        rows = [r for r in self.said[site, "result"] if r.get("value") is not None]
        self.draw.choice(rows)["value"] = float(self.draw.randrange(40, 100))
        self.tell((site, "result"))

    def a_batch_taken_back(self, site: str) -> None:
        self.said[site, "batch"].remove(self.one(site, "batch"))
        self.tell((site, "batch"))

    def of_another_product(self, site: str) -> None:
        self.one(site, "batch")["product"] = self.draw.choice(PRODUCTS)
        self.tell((site, "batch"))

    def decided_otherwise(self, site: str) -> None:
        row = self.one(site, "release")
        row["decision"] = self.draw.choice(("released", "rejected"))
        self.tell((site, "release"))

    def of_another_order(self, site: str) -> None:
        """The order that it leaves, and that to which it comes, are others then."""
        self.one(site, "batch")["order_key"] = f"k1-9{self.draw.randrange(20):03}"
        self.tell((site, "batch"))

    def an_order_changed(self, site: str) -> None:
        orders = self.said[site, "demand"]
        number = 2 * self.draw.randrange(10)
        row = demand_row(site, number, self.draw)
        kept = [each for each in orders if each["order_key"] != row["order_key"]]
        orders[:] = kept + [row] * (self.draw.random() < 0.7)
        self.tell((site, "demand"))

    def another_lot(self, site: str) -> None:
        lots, batch = self.said[site, "material"], self.one(site, "batch")
        lots[:] = [each for each in lots if each["batch"] != batch["batch"]]
        lots += [material_row(batch, self.draw)] * (self.draw.random() < 0.8)
        self.tell((site, "material"))

    def a_deviation(self, site: str) -> None:
        known, number = self.said[site, "deviation"], self.draw.randrange(3)
        row = deviation_row(site, number, self.one(site, "batch"), self.draw)
        known[:] = [e for e in known if e["deviation"] != row["deviation"]] + [row]
        self.tell((site, "deviation"))

    def counts_of_a_month(self, site: str) -> None:
        """As a site tells them that sends no batches, or sent none of that month."""
        row = {
            "site": site, "product": "msc", "pathway": "clinical_trial",
            "process": "prodigy", "starting_material": "-",
            "period": self.draw.choice(("2025-12", "2026-04")), "started": 9,
            "in_process": 1, "ended": 8,
        }  # fmt: skip
        self.said[site, "stratum"] = [row] * (self.draw.random() < 0.7)
        self.tell((site, "stratum"))

    def another_laboratory_speaks(self, site: str) -> None:
        row = {**self.one(site, "result"), "state": "invalid"}
        told = self.said.setdefault(("gamma-lab", "result"), [])
        told[:] = [r for r in told if key_of(r) != key_of(row)] + [row]
        self.tell(("gamma-lab", "result"))

    def another_criterion(self, site: str) -> None:
        least = float(self.draw.randrange(50, 90))
        self.said[site, "criterion"] = criterion_rows(site, least)
        self.tell((site, "criterion"))

    def another_day(self, site: str) -> None:
        self.day += timedelta(days=1)
        self.tell()

    def nothing(self, site: str) -> None:
        self.tell()


WHAT_HAPPENS = (
    Members.a_batch_more,
    Members.a_result_corrected,
    Members.a_batch_taken_back,
    Members.of_another_product,
    Members.decided_otherwise,
    Members.of_another_order,
    Members.an_order_changed,
    Members.another_lot,
    Members.a_deviation,
    Members.another_laboratory_speaks,
    Members.another_criterion,
    Members.another_day,
    Members.counts_of_a_month,
    Members.nothing,
)
Step = tuple[Callable[[Members, str], None], str]
STEPS = st.lists(
    st.tuples(st.sampled_from(WHAT_HAPPENS), st.sampled_from(SITES)),
    min_size=2,
    max_size=4,
)


def key_of(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in KEYS["result"])


def framed(dataset: str, rows: list[Row]) -> pl.DataFrame:
    schema = SCHEMAS[dataset].create_empty().schema
    return pl.DataFrame(rows, schema=schema, orient="row")


def arrival(sender: str, dataset: str, rows: pl.DataFrame, hour: int) -> Arrival:
    part = Part(source="main", kind="files", location="*", records=rows.height,
                read=rows.height)  # fmt: skip
    manifest = Manifest(
        site=sender, dataset=dataset, extracted_at=START + timedelta(hours=hour),
        full=True, empty=rows.is_empty(), mapping="0", records=rows.height,
        read=rows.height, parts=(part,),
    )  # fmt: skip
    good = rows.with_columns(
        origin=pl.lit("f.csv"), entry=pl.lit(ENTRY),
        ref=pl.format("record {}", pl.int_range(pl.len())),
        _row=pl.int_range(pl.len(), dtype=pl.Int64),
    )  # fmt: skip
    rejects = pl.DataFrame(schema={**REJECT_SCHEMA, "entry": pl.String})
    keys = pl.LazyFrame(schema=dict.fromkeys(("entry", "ref", "said"), pl.String))
    return Arrival(manifest, [Slice(good, rejects)], keys)


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of a snapshot as sorted rows, answers at their batch."""
    with duckdb.connect(path, read_only=True) as connection:
        named = connection.sql("select table_name from duckdb_tables()").fetchall()
        asked = {name: f'from "{name}"' for (name,) in named if name != "meta"}
        for name in PLACED:
            asked[name] = (
                f"select b.site, b.batch, t.* exclude (position) from {name} as t "
                "left join replay_batch as b using (product, position)"
            )
        asked["replay_batch"] = "select * exclude (position) from replay_batch"
        return {
            name: sorted(connection.sql(sql).fetchall(), key=repr)
            for name, sql in asked.items()
        }


def published(members: Members, folder: Path, *, anew: bool) -> Path:
    edition = Edition("Test", members.day, {"reporting": {"days": 14}})
    run = members.warehouse.last_run()
    return publish(members.warehouse, edition, run, folder, anew=anew)


def said(path: Path, key: str) -> int:
    with duckdb.connect(path, read_only=True) as connection:
        asked = f"select value from meta where key = '{key}'"
        return int(connection.sql(asked).fetchall()[0][0])


def worn(path: Path) -> int:
    return said(path, "worn")


def withdrawable(path: Path) -> set[tuple[str, ...]]:
    """The keys of all batches and orders."""
    asked = "select 'batch', site, batch from batch union all"
    asked += " select 'order', site, order_key from demand"
    with duckdb.connect(path, read_only=True) as connection:
        return {*connection.sql(asked).fetchall()}


@pytest.fixture(autouse=True)
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Continue even where most of so few batches changed, and judge them in parts."""
    monkeypatch.setattr(continuing, "_WORN", 10.0)
    monkeypatch.setattr(judged_tables, "PORTION", 7)


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        opened = Members(warehouse, Random(1))
        opened.begin()
        yield opened


def follow(folder: Path, steps: list[Step], seed: int) -> list[int]:
    """Publish in both ways after each step and compare; the wear after each."""
    wear = []
    with Warehouse(folder / "warehouse.duckdb") as warehouse:
        members = Members(warehouse, Random(seed))
        members.begin()
        published(members, folder / "continued", anew=False)
        for happens, site in steps:
            happens(members, site)
            mine = published(members, folder / "continued", anew=False)
            reference = published(members, folder / "anew", anew=True)
            ours, theirs = tables(mine), tables(reference)
            assert ours.keys() == theirs.keys()
            for name in theirs:
                assert ours[name] == theirs[name], (name, happens.__name__)
            wear.append(worn(mine))
    return wear


def differential(tmp_path_factory: pytest.TempPathFactory, examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None,
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(STEPS, st.integers(0, 2**16))
    def check(steps: list[Step], seed: int) -> None:
        follow(tmp_path_factory.mktemp("sequence"), steps, seed)

    check()


def test_continued_equals_anew_table_by_table_row_by_row(tmp_path: Path) -> None:
    steps = [(happens, SITES[i % 3]) for i, happens in enumerate(WHAT_HAPPENS)]
    wear = follow(tmp_path, steps, 5)
    # A criterion begins anew; before and after it each file continues the one before.
    anew = WHAT_HAPPENS.index(Members.another_criterion)
    assert all(wear[:anew]) and not any(wear[anew:])


@pytest.mark.slow
def test_continued_equals_anew_after_any_sequence(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    differential(tmp_path_factory, 120)


def an_order_gone(members: Members, site: str) -> None:
    members.said[site, "demand"].pop()
    members.tell((site, "demand"))


TAKES_AWAY = {
    Members.a_batch_more: False,
    Members.a_batch_taken_back: True,
    Members.a_result_corrected: False,
    an_order_gone: True,
    Members.of_another_product: False,
}


@pytest.mark.parametrize("anew", [False, True])
def test_a_run_says_whether_it_took_a_batch_or_an_order_away(
    members: Members, tmp_path: Path, anew: bool
) -> None:
    now = published(members, tmp_path / "s", anew=anew)
    for happens, takes in TAKES_AWAY.items():
        before = withdrawable(now)
        happens(members, "alpha")
        now = published(members, tmp_path / "s", anew=anew)
        assert (not before <= withdrawable(now)) == takes
        last = members.warehouse.last_run()
        assert (said(now, "taken") == last) == takes, happens.__name__


def test_pages_read_the_same_panel_wherever_a_batch_stands(
    members: Members, tmp_path: Path
) -> None:
    published(members, tmp_path / "s", anew=False)
    for site in SITES:
        members.a_result_corrected(site)
        members.a_batch_more(site)
    members.a_batch_taken_back("alpha")
    mine = published(members, tmp_path / "s", anew=False)
    reference = published(members, tmp_path / "a", anew=True)
    assert worn(mine) > 0
    for product in (*PRODUCTS, "of nobody"):
        assert panel_of(mine, product) == panel_of(reference, product)


def panel_of(path: Path, product: str) -> object:
    """A product's panel in plain values, none being told from not a number."""
    with duckdb.connect(path, read_only=True) as connection:
        laid = read_panel(lambda sql: connection.sql(sql).pl(), product)
    said = {
        question: [each.texts[place] for place in each.place]
        if isinstance(each, Words)
        else repr((each.low.tolist(), each.high.tolist()))
        for question, each in laid.panel.answers.items()
    }
    return laid.spans, laid.panel.height, said


def test_a_worn_snapshot_is_made_anew(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(members, tmp_path / "s", anew=False)
    members.a_result_corrected("alpha")
    assert worn(published(members, tmp_path / "s", anew=False)) == 1
    monkeypatch.setattr(continuing, "_WORN", 0.1)
    members.a_result_corrected("beta")
    assert worn(published(members, tmp_path / "s", anew=False)) == 0


def test_what_another_warehouse_published_is_not_continued(
    members: Members, tmp_path: Path
) -> None:
    with Warehouse(tmp_path / "other" / "warehouse.duckdb") as warehouse:
        other = Members(warehouse, Random(2))
        other.begin()
        published(other, tmp_path / "s", anew=False)
    members.a_result_corrected("alpha")
    assert worn(published(members, tmp_path / "s", anew=False)) == 0


def test_a_warehouse_made_again_of_the_same_runs_is_not_continued(
    members: Members, tmp_path: Path
) -> None:
    """As after a withdrawal: of the rows that are gone no run says that they went."""
    published(members, tmp_path / "s", anew=False)
    execute = members.warehouse.connection.execute
    execute("delete from result")
    execute("update begun set started_at = started_at + interval 1 second")
    path = published(members, tmp_path / "s", anew=False)
    assert not tables(path)["result"]


def test_a_damaged_snapshot_is_no_reason_to_stop(
    members: Members, tmp_path: Path
) -> None:
    path = published(members, tmp_path / "s", anew=False)
    os.truncate(path, 5000)
    members.a_result_corrected("alpha")
    mine = published(members, tmp_path / "s", anew=False)
    assert tables(mine) == tables(published(members, tmp_path / "a", anew=True))
