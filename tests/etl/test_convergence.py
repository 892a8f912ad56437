"""Bundles of several senders and datasets, in any order, with a withdrawal among them.

Whatever the order in which they reach the archive, and however many runs it takes to
build them in, the same rows stand in the end.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.build import build
from etl.bundle import Archive, Bundle, Manifest, Part
from etl.contract.schemas import SCHEMAS
from etl.forgetting import forget
from etl.mapping import REJECT_SCHEMA
from etl.network import Network, load_network
from etl.pseudonym import mark
from etl.store import Warehouse
from etl.withdrawal import Withdrawal, note
from tests.etl.drops import ENVIRON
from tests.etl.withdrawn import write

START = datetime(2026, 11, 16, tzinfo=UTC)
BATCHES = tuple(f"k1-{number:016x}" for number in range(1, 5))
WITHDRAWN = BATCHES[0]
COLUMNS = {
    "batch": {"product": "car-t-cd19", "pathway": "clinical_trial"},
    "release": {"gate": "final"},
    "result": {
        "parameter": "viability",
        "population": "cd3",
        "stage": "final_product",
        "unit": "%",
    },
}
# Two senders contradict each other about the results of alpha's batches.
SENDERS = (
    ("alpha", "batch"),
    ("alpha", "release"),
    ("alpha", "result"),
    ("lab", "result"),
)
DATASETS = ("batch", "release", "result")


@dataclass(frozen=True)
class Said:
    """One bundle: who says what of which batches, all of it or what changed."""

    sender: str
    dataset: str
    values: dict[str, int]
    full: bool

    def bundle(self, hour: int) -> Bundle:
        count = len(self.values)
        rows = pl.DataFrame(
            {
                "site": ["alpha"] * count,
                "batch": [*self.values],
                **{name: [text] * count for name, text in self._texts().items()},
                **self._saying(),
                "_origin": ["made up"] * count,
                "_ref": [f"record {batch}" for batch in self.values],
                "_row": [*range(count)],
                "_part": [0] * count,
            },
            schema_overrides={"batch": pl.String, "_ref": pl.String, "_row": pl.Int64,
                              "_part": pl.Int64},
        )  # fmt: skip
        part = Part(
            source="main",
            kind="files",
            location="*",
            since=None if self.full else "then",
            records=count,
            read=count,
        )
        manifest = Manifest(
            site=self.sender,
            dataset=self.dataset,
            extracted_at=START + timedelta(hours=hour),
            full=self.full and count > 0,
            empty=not count,
            mapping="0",
            records=count,
            read=count,
            parts=(part,),
        )
        none = pl.LazyFrame(schema=REJECT_SCHEMA)
        return Bundle(manifest, rows.lazy(), none)

    def _texts(self) -> dict[str, str]:
        return COLUMNS[self.dataset]

    def _saying(self) -> dict[str, pl.Series]:
        days = [f"2026-09-{value + 1:02}" for value in self.values.values()]
        name = {"batch": "started", "release": "decided", "result": "value"}
        figures = [str(80 + value) for value in self.values.values()]
        said = figures if self.dataset == "result" else days
        more = {name[self.dataset]: pl.Series(said, dtype=pl.String)}
        if self.dataset == "release":
            words = ["released" if v % 2 else "rejected" for v in self.values.values()]
            more["decision"] = pl.Series(words, dtype=pl.String)
        return more


SAYING = st.builds(
    lambda of, values, full: Said(*of, values, full),
    st.sampled_from(SENDERS),
    st.dictionaries(st.sampled_from(BATCHES), st.integers(0, 5), max_size=4),
    st.booleans(),
)


def archived(
    folder: Path, bundles: list[Bundle], order: Random, forgotten: int
) -> Archive:
    """The bundles put one by one, something being withdrawn after so many of them."""
    archive = Archive(folder)
    order.shuffle(bundles)
    for at, bundle in enumerate(bundles):
        if at == forgotten:
            withdraw(archive)
        archive.put(bundle)
    if forgotten >= len(bundles):
        withdraw(archive)
    return archive


def withdraw(archive: Archive) -> None:
    marks = (mark(WITHDRAWN),)
    note(archive, Withdrawal(at=START, site="alpha", reason="asked", marks=marks))
    forget(archive)


def standing(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    return {
        name: warehouse.current(name).sort(SCHEMAS[name].primary_key())
        for name in DATASETS
    }


def built(path: Path, archive: Archive, network: Network) -> dict[str, pl.DataFrame]:
    with Warehouse(path) as warehouse:
        with warehouse.run(START) as run:
            build(warehouse, archive, network, run, kept=False)
        return standing(warehouse)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load_network(write(tmp_path_factory.mktemp("order") / "network"), ENVIRON)


def one_by_one(
    place: Path, bundles: list[Bundle], forgotten: int, network: Network
) -> dict[str, pl.DataFrame]:
    """Each bundle built in as it comes; after the withdrawal all of it anew."""
    archive, found = Archive(place / "archive"), dict[str, pl.DataFrame]()
    for part, (first, last) in enumerate(((0, forgotten), (forgotten, len(bundles)))):
        with Warehouse(place / f"{part}.duckdb") as warehouse:
            for bundle in (*bundles[first:last], None):
                if bundle:
                    archive.put(bundle)
                with warehouse.run(START) as run:
                    build(warehouse, archive, network, run, kept=False)
            found = standing(warehouse)
        if part == 0:
            withdraw(archive)
    return found


def by_hand(said: list[Said]) -> dict[tuple[str, str], dict[str, int]]:
    """What each sender holds of each dataset in the end, counted in plain Python."""
    held: dict[tuple[str, str], dict[str, int]] = {of: {} for of in SENDERS}
    for each in said:
        known = held[each.sender, each.dataset]
        values = {b: v for b, v in each.values.items() if b != WITHDRAWN}
        if each.full and values:
            known.clear()
        known |= values
    return held


@settings(max_examples=5, deadline=None)
@given(
    said=st.lists(SAYING, min_size=2, max_size=7),
    forgotten=st.integers(0, 7),
    order=st.randoms(use_true_random=False),
)
def test_the_same_rows_stand_whatever_came_when(
    said: list[Said],
    forgotten: int,
    order: Random,
    network: Network,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("any")
    bundles = [each.bundle(hour) for hour, each in enumerate(said)]
    at_once = archived(place / "at-once", [*bundles], order, forgotten)
    expected = by_hand(said)
    found = built(place / "at-once.duckdb", at_once, network)
    results = expected["lab", "result"] | expected["alpha", "result"]
    assert dict(found["result"].select("batch", "value").rows()) == {
        batch: 80.0 + value for batch, value in results.items()
    }
    days = found["batch"].select("batch", pl.col("started").dt.day()).rows()
    assert dict(days) == {b: v + 1 for b, v in expected["alpha", "batch"].items()}
    decided = found["release"].select("batch", pl.col("decided").dt.day()).rows()
    assert dict(decided) == {b: v + 1 for b, v in expected["alpha", "release"].items()}
    order.shuffle(bundles)
    again = one_by_one(place, bundles, forgotten, network)
    for name in DATASETS:
        assert again[name].equals(found[name]), name
