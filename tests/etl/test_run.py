import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from connectors import ConfigError
from connectors.standins import RedcapProject, serve
from etl.bundle import Archive
from etl.collect import Step, Window
from etl.network import load_network
from etl.run import RunResult, pull
from etl.store import Warehouse
from tests.etl.drops import BATCHES, ENVIRON, SITES, drop, edit, write_network

ROOT = Path(__file__).parents[2]
FULL = Window(full=True)
HEADER = BATCHES.splitlines()[0] + "\n"
LATER = "beta-005,01/11/2026,,,HE\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    """A network folder and what its first run came to."""
    folder = write_network(tmp_path_factory.mktemp("first") / "network")
    return folder, pulled(folder)


@pytest.fixture
def folder(first: tuple[Path, RunResult], tmp_path: Path) -> Path:
    """A copy of the network folder after its first run."""
    copied = shutil.copytree(first[0], tmp_path / "network", symlinks=True)
    return Path(copied)


def pulled(folder: Path, *sites: str, window: Window = Window()) -> RunResult:  # noqa: B008
    return pull(load_network(folder, ENVIRON), sites, window)


def rows(snapshot: Path, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    """A table of a snapshot, in an order of its own, as another program reads it."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{snapshot}' as snapshot (read_only)")
        connection.execute("set timezone = 'UTC'")
        frame = connection.sql(f"select {columns} from snapshot.{table}").pl()
    return sorted(frame.rows(), key=repr)


def known(result: RunResult) -> dict[str, int]:
    """Batches by site, as the snapshot has them."""
    counted = rows(result.snapshot, "batch", "site")
    return {site: counted.count((site,)) for site in SITES}


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


def _no_workbook(folder: Path) -> None:
    drop(folder, "beta", {"batches.xlsx": b"this is no workbook"})
    edit(folder, "beta", 'from = "batches*.csv"', 'from = "batches.xlsx"')


def _no_header(folder: Path) -> None:
    drop(folder, "beta", {"batches.csv": b""})


def _no_rows(folder: Path) -> None:
    drop(folder, "beta", {"batches.csv": HEADER})


def _no_column(folder: Path) -> None:
    text = BATCHES.format(slug="beta").replace("Harvest", "Cosecha")
    drop(folder, "beta", {"batches.csv": text})


def _no_file(folder: Path) -> None:
    (folder / "drops" / "beta" / "batches.csv").unlink()


def _no_row_right(folder: Path) -> None:
    text = BATCHES.format(slug="beta").replace("/2026", "/twenty-six")
    drop(folder, "beta", {"batches.csv": text})


def _nobody_listening(folder: Path) -> None:
    edit(folder, "beta", 'kind = "files"', 'kind = "rest"')
    edit(folder, "beta", 'folder = "../drops/beta"', 'url = "http://127.0.0.1:9"')
    edit(folder, "beta", '"batches*.csv"', '"/batches"')
    edit(folder, "beta", '"releases.csv"', '"/releases"')
    edit(folder, "beta", '"declared.csv"', '"/declared"')


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (_no_workbook, "batches.xlsx"),
        (_no_header, "batches.csv"),
        (_no_rows, "answered with nothing"),
        (_no_column, "Harvest"),
        (_no_file, "batches*.csv"),
        (_no_row_right, "Every row of `batch` was refused"),
        (_nobody_listening, "127.0.0.1"),
    ],
)
def test_what_breaks_at_one_site_is_said_once_and_loses_nothing(
    folder: Path, breaks: object, said: str
) -> None:
    assert callable(breaks)
    breaks(folder)
    new = BATCHES.format(slug="alpha") + "alpha-005,01/11/2026,,,HE\n"
    drop(folder, "alpha", {"batches.csv": new})
    result = pulled(folder, window=FULL)
    (failure,) = result.failures
    assert (failure.site, failure.source) == ("beta", "main")
    assert said in failure.message and "\n" not in failure.message
    assert known(result) == {"alpha": 4, "beta": 3, "gamma": 3}
    assert rows(result.snapshot, "source_error", "site, message") == [
        ("beta", failure.message)
    ]
    assert rows(result.snapshot, "run", "run, state")[-1] == (2, "partial")


REDCAP = """
kind = "redcap"
url = "{url}/beta/api/"
token = {{ env = "POCNET_TOKEN_TEST" }}
"""


def test_a_wrong_password_is_said_once_and_loses_nothing(folder: Path) -> None:
    forms = {
        "batches": pl.DataFrame(
            {
                "record_id": ["1"],
                "Batch": ["b-1"],
                "Start": ["03/08/2026"],
                "Harvest": [None],
                "End": [None],
                "Path": ["EC"],
            }
        ),  # fmt: skip
        "releases": pl.DataFrame(
            {
                "record_id": ["1"],
                "Batch": ["b-1"],
                "Decision": ["rejected"],
                "Day": ["20/08/2026"],
            }
        ),  # fmt: skip
        "declared": pl.DataFrame(
            {
                "record_id": ["1"],
                "Dataset": ["batch"],
                "Month": ["2026-08"],
                "Rows": ["1"],
            }
        ),  # fmt: skip
    }
    token = "0123456789ABCDEF0123456789ABCDEF"
    with serve({"beta": RedcapProject(token, "record_id", forms)}) as url:
        old = 'kind = "files"\nfolder = "../drops/beta"\n'
        edit(folder, "beta", old, REDCAP.format(url=url))
        for form in ("batches*", "releases", "declared"):
            edit(folder, "beta", f'"{form}.csv"', f'"{form.rstrip("*")}"')
        right = {**ENVIRON, "POCNET_TOKEN_TEST": token}
        first = pull(load_network(folder, right))
        assert first.failures == ()
        wrong = {**ENVIRON, "POCNET_TOKEN_TEST": token[::-1]}
        second = pull(load_network(folder, wrong))
    (failure,) = second.failures
    assert failure.site == "beta" and "token" in failure.message
    assert token[::-1] not in failure.message
    assert known(second) == known(first) == {"alpha": 3, "beta": 1, "gamma": 3}


def test_a_faulty_dataset_does_not_stop_the_sites_other_datasets(folder: Path) -> None:
    _no_column(folder)
    result = pulled(folder, "beta")
    sent = {c.dataset for c in result.datasets if c.site == "beta"}
    assert sent == {"release", "declared"}


def test_half_a_dataset_is_not_taken_for_a_deletion(folder: Path) -> None:
    more = '[[dataset]]\nname = "batch"\nfrom = "old.csv"\ncolumns = { batch = "Lot", '
    more += (
        'product = { constant = "car-t-cd19" }, pathway = { constant = "marketing" } }'
    )
    edit(folder, "beta", '[[dataset]]\nname = "release"',
         f'{more}\n[[dataset]]\nname = "release"')  # fmt: skip
    drop(folder, "beta", {"old.csv": "Lot\nbeta-old-1\nbeta-old-2\n"})
    assert known(pulled(folder, "beta"))["beta"] == 5
    (folder / "drops" / "beta" / "old.csv").unlink()
    assert known(pulled(folder, "beta"))["beta"] == 5
    drop(folder, "beta", {"old.csv": "Lot\nbeta-old-1\n"})
    assert known(pulled(folder, "beta"))["beta"] == 4


def test_a_warehouse_built_anew_from_the_archive_holds_the_same(folder: Path) -> None:
    drop(folder, "beta", {"batches.csv": BATCHES.format(slug="beta") + LATER})
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


# What depends on the clock or on how many runs there were, and on nothing else.
PASSING = {"meta", "run", "source_error"}
CLOCK = {"run", "arrived_at", "received_at"}
# Numbers by which two marts refer to each other, given out in no order.
NUMBERS = {"assigned", "criterion"}


def content(snapshot: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of a snapshot, without what the clock puts into it."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{snapshot}' as snapshot (read_only)")
        connection.execute("set timezone = 'UTC'")
        tables = connection.sql(
            "select table_name as name from duckdb_tables() order by name"
        ).pl()["name"]
        frames = {
            table: connection.sql(f'from snapshot."{table}"').pl()
            for table in tables
            if table not in PASSING
        }
    frames["count"] = frames["count"].filter(pl.col("run") == pl.col("run").max())
    return {
        table: sorted(frame.drop(CLOCK | NUMBERS, strict=False).rows(), key=repr)
        for table, frame in frames.items()
    }


def killed(folder: Path, seconds: float) -> bool:
    """Pull in another process and kill it; whether it was still at work by then."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from etl.network import load_network; from etl.run import pull\n"
        "network = load_network(Path(sys.argv[1]), os.environ)\n"
        "print('go', flush=True); pull(network)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout and process.stdout.readline() == b"go\n"
    time.sleep(seconds)
    at_work = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return at_work


def test_a_killed_run_loses_nothing_and_the_next_one_finishes_it(
    folder: Path, tmp_path: Path
) -> None:
    undisturbed = Path(shutil.copytree(folder, tmp_path / "other", symlinks=True))
    for each in (folder, undisturbed):
        drop(each, "beta", {"batches.csv": BATCHES.format(slug="beta") + LATER})
    started = time.monotonic()
    expected = content(pulled(undisturbed).snapshot)
    takes = time.monotonic() - started
    before = folder / "data" / "snapshots" / "1.duckdb"
    old = content(before)
    chance = random.Random(11)
    hits = 0
    for _ in range(5):
        hits += killed(folder, chance.uniform(0, takes))
        current = (folder / "data" / "snapshots" / "current").resolve()
        assert content(current) in (old, expected)
    assert hits >= 2
    assert content(pulled(folder).snapshot) == expected
    assert not list((folder / "data").rglob("*.part*"))
