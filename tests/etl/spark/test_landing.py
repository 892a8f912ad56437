"""Bundles dealt to tasks, and what comes of a task, without a cluster."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from connectors import PocnetError
from etl.bundle import Archive, Manifest
from etl.contract.schemas import SCHEMAS
from etl.network import load_network
from etl.published import with_library
from etl.spark.landing import ODD, Landing, Run, public, shares
from etl.spark.parcels import unpacked
from etl.spark.worker import code
from etl.store import HUB, Warehouse
from tests.etl.drops import ENVIRON


@pytest.fixture(scope="module")
def past(third: Path) -> tuple[dict[str, pl.DataFrame], list[Run]]:
    """Every table of the warehouse after three runs, and the runs."""
    with Warehouse(third / "data" / "warehouse.duckdb") as warehouse:
        names = (*SCHEMAS, "reject", "bundle")
        tables = {name: warehouse.query(f'from "{name}"') for name in names}
        runs = warehouse.query("select run, started_at, finished_at from run")
    days = [Run(run, begun, ended.date()) for run, begun, ended in runs.rows()]
    return tables, days


def dealt(
    third: Path, bundle: pl.DataFrame, tasks: int
) -> tuple[Archive, list[tuple[tuple[int, str, str], ...]]]:
    archive = Archive(third / "data" / "archive")
    rows = bundle.select("run", "site", "bundle").rows()
    return archive, shares([(r, archive.manifest(s, b)) for r, s, b in rows], tasks)


# Fewer tasks than bundles, and more; that all are dealt is tested below.
@pytest.mark.parametrize("tasks", [pytest.param(1, marks=pytest.mark.slow), 3, 50])
def test_tasks_together_bring_in_what_the_warehouse_has_with_its_history(
    third: Path, past: tuple[dict[str, pl.DataFrame], list[Run]], tasks: int
) -> None:
    tables, runs = past
    archive, parts = dealt(third, tables["bundle"], tasks)
    network = load_network(third, ENVIRON)
    day = network.today()
    same_day = tuple(Run(run.number, run.started_at, day) for run in runs)
    whole = public(with_library(network))
    landing = Landing(archive, whole, same_day, parts, code())
    numbers = pa.record_batch([list(range(len(parts)))], names=["id"])
    found = unpacked(landing(iter([numbers])))
    assert ODD not in found
    for name, frame in tables.items():
        said = frame.filter(pl.col("sender") != HUB) if "sender" in frame else frame
        if said.is_empty():
            assert name not in found
            continue
        assert found[name].sort(pl.all()).equals(said.sort(pl.all())), name
    closed = tables["batch"].filter(pl.col("closed_run").is_not_null())
    assert not closed.is_empty(), "there is no history to be compared"


@pytest.mark.parametrize("tasks", [1, 2, 7, 1000])
def test_every_bundle_is_one_tasks_business_and_a_senders_dataset_too(
    tasks: int,
) -> None:
    bundles = [
        (run, manifest(f"site-{number % 9}", dataset, 10**number, run))
        for run in (1, 2)
        for number in range(9)
        for dataset in ("batch", "result")
    ]
    parts = shares(bundles, tasks)
    told = [each for part in parts for each in part]
    assert sorted(told) == sorted((r, m.site, m.name) for r, m in bundles)
    home: dict[tuple[str, str], int] = {}
    of = {m.name: (m.site, m.dataset) for _, m in bundles}
    for number, part in enumerate(parts):
        for _, _, name in part:
            assert home.setdefault(of[name], number) == number


def manifest(site: str, dataset: str, read: int, run: int) -> Manifest:
    day = datetime(2026, 1, run, tzinfo=UTC)
    return Manifest.model_construct(
        site=site, dataset=dataset, read=read, extracted_at=day, parts=()
    )


def test_nothing_is_read_by_a_worker_that_has_other_code(third: Path) -> None:
    network = public(load_network(third, ENVIRON))
    landing = Landing(Archive(third / "data" / "archive"), network, (), [()], "other")
    numbers = pa.record_batch([[0]], names=["id"])
    with pytest.raises(PocnetError, match="another version"):
        list(landing(iter([numbers])))
