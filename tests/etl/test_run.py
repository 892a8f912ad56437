from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors import ConfigError, PocnetError
from etl.bundle import Archive
from etl.collect import Step
from etl.network import load_network
from etl.run import RunResult, pull
from etl.store import Warehouse
from tests.etl.drops import BATCHES, ENVIRON, SITES, drop
from tests.etl.pulling import HEADER, LATER, known, leave_more, pulled, rows


def test_counts_add_up_and_are_published(first: tuple[Path, RunResult]) -> None:
    result = first[1]
    assert result.failures == ()
    counts = {(c.site, c.dataset): asdict(c) for c in result.datasets}
    assert counts["alpha", "batch"] == {
        "site": "alpha",
        "dataset": "batch",
        "records": 5,
        "read": 5,
        "good": 4,
        "repeated": 1,
        "rejected": 1,
    }
    for count in result.datasets:
        assert count.read == count.good + count.rejected
    published = rows(result.snapshot, "count", "site, dataset, read, good, rejected")
    assert ("alpha", "batch", 5, 4, 1) in published
    rejects = rows(result.snapshot, "reject", 'site, dataset, origin, ref, "column"')
    assert ("alpha", "batch", "batches.csv", "line 6", "started") in rejects
    assert known(result) == dict.fromkeys(SITES, 3)


def test_no_number_of_a_site_is_in_what_is_kept(folder: Path) -> None:
    for path in (folder / "data").rglob("*"):
        if path.is_file():
            assert b"alpha-00" not in path.read_bytes(), path


def test_progress_names_each_site_and_ends_with_all_it_has(folder: Path) -> None:
    steps: list[Step] = []
    pull(load_network(folder, ENVIRON), progress=steps.append)
    for site in SITES:
        last = [step for step in steps if step.site == site][-1]
        assert (last.done, last.total, last.rows) == (3, 3, 10)


def test_an_unchanged_pull_opens_and_closes_no_row(folder: Path) -> None:
    second = pulled(folder)
    with Warehouse(folder / "data" / "warehouse.duckdb") as warehouse:
        for table in ("site", "product", "batch", "release", "declared", "report"):
            touched = warehouse.query(
                f"select * from {table} where opened_run = {second.run} "
                "or closed_run is not null"
            )
            assert touched.is_empty(), touched


def test_a_corrected_row_replaces_its_earlier_version(folder: Path) -> None:
    better = BATCHES.format(slug="beta").replace("32/10/2026", "30/10/2026")
    drop(folder, "beta", {"batches.csv": better})
    result = pulled(folder, "beta")
    assert known(result) == {"alpha": 3, "beta": 4, "gamma": 3}
    refused = rows(result.snapshot, "reject", "site")
    assert refused == [("alpha",), ("gamma",)]


def test_only_the_sites_named_are_asked(folder: Path) -> None:
    for site in SITES:
        drop(folder, site, {"batches.csv": HEADER + LATER})
    result = pulled(folder, "beta")
    assert result.sites == ("beta",)
    assert known(result) == {"alpha": 3, "beta": 1, "gamma": 3}


def test_a_site_that_is_not_there_is_a_mistake_with_a_hint(folder: Path) -> None:
    with pytest.raises(ConfigError, match="alpha"):
        pulled(folder, "alhpa")


def test_a_warehouse_built_anew_from_the_archive_holds_the_same(folder: Path) -> None:
    leave_more(folder)
    before = pulled(folder)
    (folder / "data" / "warehouse.duckdb").unlink()
    after = pulled(folder, "alpha")
    assert after.run > before.run
    for table in ("site", "product", "batch", "release", "declared", "criterion"):
        assert rows(after.snapshot, table) == rows(before.snapshot, table)


def test_a_bundle_that_comes_late_changes_nothing_newer(folder: Path) -> None:
    changed = BATCHES.format(slug="beta").replace("20/09/2026", "21/09/2026")
    drop(folder, "beta", {"batches.csv": changed})
    before = rows(pulled(folder, "beta").snapshot, "batch")
    archive = Archive(folder / "data" / "archive")
    manifests = [archive.manifest(*name) for name in archive.names()]
    of_beta = [m for m in manifests if (m.site, m.dataset) == ("beta", "batch")]
    bundle = archive.load(min(of_beta, key=lambda m: m.rank))
    between = bundle.manifest.extracted_at + timedelta(milliseconds=1)
    late = bundle.manifest.model_copy(update={"extracted_at": between})
    archive.put(replace(bundle, manifest=late))
    result = pulled(folder, "alpha")
    assert rows(result.snapshot, "batch") == before
    noted = rows(result.snapshot, "count", "run, site, dataset")
    assert (result.run, "beta", "batch") in noted


def test_a_clock_that_went_back_is_said_before_any_site_is_asked(folder: Path) -> None:
    with Warehouse(folder / "data" / "warehouse.duckdb") as warehouse:
        warehouse.connection.execute(
            "update bundle set extracted_at = now() + interval 2 hour"
        )
    with pytest.raises(PocnetError, match="clock"):
        pulled(folder)
