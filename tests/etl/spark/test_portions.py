"""What the cluster's workers do, without a cluster: parts of the rows give theirs."""

from collections.abc import Iterator
from datetime import date

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from connectors import PocnetError
from etl.contract.schemas import SCHEMAS
from etl.judged_tables import members_usual
from etl.marts import DECIDED
from etl.panel_tables import PanelTables
from etl.plausibility import SUMMARIES
from etl.rules import counted_too, decision_counts
from etl.spark.judging import Judging, contradicting, finding
from etl.spark.parcels import by_site, frame_of, parcels, unpacked
from etl.spark.snapshot import Target
from etl.spark.tables import assert_all_made
from tests.demo import Demo

PORTIONS = 3


@pytest.fixture(scope="module")
def here(demo: Demo) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(demo.snapshots / "current", read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def as_of(here: duckdb.DuckDBPyConnection) -> date:
    sql = "select value::date as day from meta where key = 'as_of'"
    day: date = here.sql(sql).pl().item()
    return day


@pytest.fixture(scope="module")
def tables(here: duckdb.DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    names = here.sql("select table_name from duckdb_tables()").pl()["table_name"]
    return {name: here.sql(f'from "{name}"').pl() for name in names}


def portion(frame: pl.DataFrame, number: int) -> pa.Table:
    """The rows of a third of the batches, as Spark hands them over."""
    place = pl.struct("site", "batch").hash(1) % PORTIONS
    return spark_like(frame.filter(place == number))


def spark_like(frame: pl.DataFrame) -> pa.Table:
    unsigned = pl.selectors.unsigned_integer().cast(pl.Int64)
    return frame.with_columns(unsigned).to_arrow(compat_level=pl.CompatLevel.oldest())


def opened(tables: Iterator[pa.Table]) -> dict[str, pl.DataFrame]:
    found = unpacked(batch for table in tables for batch in table.to_batches())
    return dict(found)


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Equal but for the order, and for the kind of whole number."""

    def plain(frame: pl.DataFrame) -> pl.DataFrame:
        whole = frame.with_columns(pl.selectors.integer().cast(pl.Int64))
        return whole.select(one.columns).sort(pl.all())

    return plain(one).equals(plain(other))


def made(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Batches with their places in the panels, as Spark counts them."""
    batch = tables["batch"]
    own = tables["site"].filter(pl.col("kind") != "published").select("site")
    mine = batch.join(own, on="site", how="semi").sort("product", "site", "batch")
    place = pl.int_range(pl.len()).over("product")
    placed = mine.select("site", "batch", position=place)
    return batch.join(placed, on=["site", "batch"], how="left")


def test_batches_judged_a_portion_at_a_time_are_judged_alike(
    tables: dict[str, pl.DataFrame], here: duckdb.DuckDBPyConnection, as_of: date
) -> None:
    usual, asked = members_usual(here, as_of), PanelTables(here).asked
    judging = Judging(tables["criterion"], usual, asked)
    whole = made(tables)
    found = opened(
        judging(portion(whole, n), portion(tables["result"], n))
        for n in range(PORTIONS)
    )
    assert found.keys() == {
        *("judged", "gate_outcome", "usual_outcome"),
        *("replay_batch", "replay_figure", "replay_word"),
    }
    for name, frame in found.items():
        assert frame.height == tables[name].height > 100, name
        assert same(tables[name], frame), name


def test_decisions_that_do_not_follow_are_found_a_portion_at_a_time(
    tables: dict[str, pl.DataFrame],
) -> None:
    pair = tables["gate_outcome"], tables["release"]
    found = opened(
        contradicting(*(portion(frame, n) for frame in pair)) for n in range(PORTIONS)
    )
    assert tables["discordance"].height > 0
    assert same(tables["discordance"], found["discordance"])


def test_rules_over_datasets_find_the_same_site_by_site(
    tables: dict[str, pl.DataFrame], here: duckdb.DuckDBPyConnection
) -> None:
    asked = {
        name: tables[name]
        for name, schema in SCHEMAS.items()
        if "site" in schema.column_names() and name != "result"
    }
    asked |= {name: here.sql(sql).pl() for name, sql in SUMMARIES.items()}
    by: dict[str, list[pa.RecordBatch]] = {}
    for name, frame in asked.items():
        for packed in by_site(name, frame):
            by.setdefault(packed["site"][0].as_py(), []).append(packed)
    found = opened(finding(pa.Table.from_batches(own)) for own in by.values())
    assert same(tables["finding"], found["finding"])
    counts, decided = found["rule_count"], here.sql(DECIDED).pl()
    assert decision_counts(counts, decided)["denominator"].sum() > 0
    assert same(tables["rule_count"], counted_too(counts, decided))


def test_every_mart_of_a_build_here_is_made_on_the_cluster(
    here: duckdb.DuckDBPyConnection, as_of: date
) -> None:
    with duckdb.connect() as connection:
        target = Target(connection, as_of)
        assert_all_made(target)
        kinds = "select table_name, column_name, data_type from duckdb_columns()"
        found = connection.sql(f"{kinds} where not internal").pl()
    assert len(target.marts) > 20
    assert set(found.rows()) <= set(here.sql(kinds).pl().rows())


def test_a_mart_that_the_cluster_does_not_make_stops_the_build(as_of: date) -> None:
    with duckdb.connect() as connection:
        target = Target(connection, as_of)
        target.marts = (*target.marts, "forgotten")
        with pytest.raises(PocnetError, match="does not make forgotten"):
            assert_all_made(target)


def test_a_parcel_holds_what_was_put_in() -> None:
    frame = pl.DataFrame(
        {"text": ["a", None], "failing": [["x", "y"], []], "n": [1, None]},
        schema_overrides={"n": pl.UInt32},
    )
    (packed,) = parcels({"table": frame, "nothing": frame.clear()})
    assert frame_of(packed["frame"][0].as_py()).equals(frame)
