"""A network's criteria and little else, for the pages that ask about criteria only."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from importlib.resources import files
from pathlib import Path

import duckdb
import polars as pl

from dashboard import queries
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer, asking
from etl.contract.schemas import SCHEMAS
from etl.contract.version import CONTRACT
from etl.contract.words import slug_expr
from etl.demo.world import TODAY, World

Ask = Callable[[Viewer], AbstractContextManager[None]]


def papers() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    def table(name: str) -> pl.DataFrame:
        told = (files("etl.published") / name).read_text(encoding="utf-8")
        frame = pl.read_csv(told.encode(), infer_schema_length=0)
        return frame.with_columns(slug_expr(pl.col("source_id")).alias("site"))

    sources = table("sources.csv").with_columns(
        pl.col("site").alias("product"),
        pl.col("programme").alias("name"),
        pl.col("programme").alias("title"),
        pl.lit("published").alias("kind"),
        pl.lit("active").alias("stage"),
    )
    criteria = table("criteria.csv").with_columns(
        pl.col("site").alias("product"),
        slug_expr(pl.col("method").fill_null("-")).alias("method"),
    )
    return sources, sources, criteria


def typed(dataset: str, frame: pl.DataFrame) -> pl.DataFrame:
    schema = SCHEMAS[dataset].create_empty().schema
    columns = [
        (pl.col(n) if n in frame.columns else pl.lit(None).alias(n)).cast(kind)
        for n, kind in schema.items()
    ]
    return frame.select(columns)


def fill(path: Path, tables: dict[str, pl.DataFrame]) -> None:
    """The tables that this page's questions read, and no others."""
    path.mkdir(parents=True)
    with duckdb.connect(str(path / "1.duckdb")) as database:
        for name, frame in tables.items():
            database.register("_given", frame.to_arrow())
            database.execute(f'create table "{name}" as from _given')
            database.unregister("_given")
        database.execute("create table meta(key varchar, value varchar)")
        database.executemany(
            "insert into meta values (?, ?)",
            [
                ("as_of", str(TODAY)),
                ("network", "Made-up"),
                ("contract", CONTRACT),
                ("config", json.dumps({"disclosure": {}})),
                ("built_at", "2026-11-16T00:00:00+00:00"),
            ],
        )
    (path / "current").symlink_to("1.duckdb")


def rollup(world: World, criteria: pl.DataFrame) -> dict[str, pl.DataFrame]:
    batch = world.frame("batch")
    started = batch.with_columns(
        pl.lit(date(2026, 1, 5)).alias("week"),
        pl.lit(date(2026, 1, 1)).alias("month"),
        pl.lit(True).alias("counted"),
        pl.lit(1).alias("started"),
    ).select("site", "product", "pathway", "week", "month", "counted", "started")
    sites = world.frame("site")
    own, products, theirs = papers()
    return {
        "site": pl.concat([typed("site", sites), typed("site", own)]),
        "product": pl.concat(
            [typed("product", world.frame("product")), typed("product", products)]
        ),
        "criterion": pl.concat(
            [typed("criterion", criteria), typed("criterion", theirs)]
        ),
        "rollup_batch": started,
        "freshness": sites.select("site", pl.lit(TODAY).alias("last_day")),
    }


def asker(folder: Path) -> Ask:
    @contextmanager
    def ask(viewer: Viewer) -> Iterator[None]:
        about = queries.about(folder, viewer)
        journal = Journal(folder / "journal.sqlite")
        with asking(Request(viewer, folder, journal, about)):
            yield

    return ask
