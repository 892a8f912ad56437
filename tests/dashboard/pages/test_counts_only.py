"""The same site sent as batches and as counts by stratum: the same rates."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dashboard import app, card, queries
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.metrics import DEFINITIONS
from dashboard.names import counts_only
from dashboard.pages import _behind, _standardised, _usual
from dashboard.rates import compared
from dashboard.viewer import Request, Viewer, asking
from etl.aggregate import strata
from etl.contract.reporting import BATCH_LEVEL
from etl.contract.schemas import SCHEMAS
from etl.demo import demo_environ
from etl.marts import build_marts
from etl.network import load_network
from tests.demo import LEAD, Demo

SITE = "rhodanie"
SITES = (SITE, "havelmark", "manzanera", "elbmarsch", "clydebrae", "guadalora")
Figure = Callable[[Viewer, Filters], pl.DataFrame]
KEPT = (
    *("meta", "count", "reject", "run", "source_error"),
    *("finding_placed", "discordance_placed", "provenance"),
)


@pytest.fixture(scope="module")
def by_batches(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(demo, tmp_path_factory.mktemp("batches"), {})


@pytest.fixture(scope="module")
def by_counts(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network, of whose site SITE the hub was sent counts alone."""
    network = load_network(demo.folder, demo_environ(demo.folder))
    alone = replace(network, sites={SITE: network.sites[SITE]})
    own = {
        name: demo.rows(f"from {name} where site = '{SITE}'")
        for name in (*BATCH_LEVEL, "criterion")
    }
    counts = strata(own, alone).select(pl.lit(SITE).alias("site"), pl.all())
    return published(demo, tmp_path_factory.mktemp("counts"), {"stratum": counts})


def published(demo: Demo, folder: Path, instead: dict[str, pl.DataFrame]) -> Path:
    """The demo's snapshot with six of its sites, one of them as counts."""
    with duckdb.connect(folder / "1.duckdb") as database:
        database.execute("set timezone = 'UTC'")
        source = (demo.snapshots / "current").resolve()
        database.execute(f"attach '{source}' as demo (read_only)")
        for name, schema in SCHEMAS.items():
            sites = [s for s in SITES if not instead or s != SITE]
            every = name not in BATCH_LEVEL or not instead
            named = SITES if every else sites
            here = f" where list_contains({list(named)}, site)"
            where = here if "site" in schema.column_names() else ""
            database.execute(f'create table "{name}" as from demo."{name}"{where}')
        for name, rows in instead.items():
            database.register("_rows", rows.to_arrow())
            database.execute(f"insert into {name} by name from _rows")
        day = database.sql("select value from demo.meta where key = 'as_of'").fetchall()
        build_marts(database, pl.Series([day[0][0]]).str.to_date()[0])
        for name in KEPT:
            database.execute(f'create table "{name}" as from demo."{name}"')
    os.symlink("1.duckdb", folder / "current")
    return folder


@contextmanager
def asked(folder: Path, viewer: Viewer = LEAD) -> Iterator[Filters]:
    about = queries.about(folder, viewer)
    journal = Journal(folder / "journal.sqlite")
    with asking(Request(viewer, folder, journal, about)):
        yield Filters()


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("figure", [compared, _standardised.standardised])
def test_every_failure_rate_is_the_same_from_batches_and_from_counts(
    by_batches: Path, by_counts: Path, figure: Figure, definition: str
) -> None:
    def frame(folder: Path) -> pl.DataFrame:
        with asked(folder) as filters:
            return figure(LEAD, replace(filters, definition=definition))

    one, other = frame(by_batches), frame(by_counts)
    assert_frame_equal(one, other)
    (site,) = one.filter(site=SITE).to_dicts()
    assert site["n"] > 20


def test_the_months_of_a_rate_are_the_same(by_batches: Path, by_counts: Path) -> None:
    def months(folder: Path) -> pl.DataFrame:
        columns = ("started", "ended", "no_product", "no_product_of")
        with asked(folder) as filters:
            return queries.counts(LEAD, filters, columns, by=("site", "month"))

    assert_frame_equal(months(by_batches), months(by_counts))


def test_the_list_of_batches_says_why_a_site_is_not_in_it(by_counts: Path) -> None:
    with asked(by_counts) as filters:
        frame = _behind.behind(LEAD, replace(filters, site=(SITE,)))
        said = _behind._said(frame)
    (row,) = frame.select("site", "batch", "state", "reason").to_dicts()
    assert row == {
        "site": SITE,
        "batch": None,
        "state": "not_applicable",
        "reason": "sends counts by stratum and no batches: none can be listed",
    }
    assert "no list of batches, no duration, no single parameter" in said


def test_every_page_says_so_of_a_site_that_the_viewer_sees_by_name(
    by_counts: Path, by_batches: Path
) -> None:
    with asked(by_counts):
        assert queries.about(by_counts, LEAD).counts_only == (SITE,)
        assert "counts by stratum and no batches" in counts_only([SITE])
    for viewer in (Viewer("public"), Viewer("site", site="clydebrae")):
        assert queries.about(by_counts, viewer).counts_only == ()
    assert queries.about(by_batches, LEAD).counts_only == ()


def test_what_only_the_whole_network_can_judge_is_not_reported_and_not_zero(
    by_counts: Path,
) -> None:
    with asked(by_counts) as filters:
        frame = _usual.CARD.frame(LEAD, filters)
        _usual.CARD.sentence(frame)
    (row,) = frame.filter(site=SITE).to_dicts()
    assert row["n"] is None
    assert row["state"] == "not_reported"


@pytest.mark.slow
def test_every_figure_of_every_page_can_be_drawn(by_counts: Path) -> None:
    app._import_pages()
    with asked(by_counts) as filters:
        for each in card.every().values():
            frame = each.frame(LEAD, filters)
            assert each.sentence(frame)
            if each.draw is not None:
                each.draw(frame)
