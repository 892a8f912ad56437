from pathlib import Path

import polars as pl
import pytest
from scipy.stats import binom

from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.pages._definitions import CARD, switched
from tests.dashboard.pages.altered import altered, only
from tests.demo import LEAD, PUBLIC, Demo


def recounted(demo: Demo, name: str) -> tuple[float, list[str]]:
    """The network's rate and the sites above the exact limit, from the rows alone."""
    column = DEFINITIONS[name].column
    rows = demo.rows(
        f"select site, count(*) filter (where {column}) as events,"
        f" count({column}) as n from fact_batch where counted group by site"
    ).to_dicts()
    rate = sum(r["events"] for r in rows) / sum(r["n"] for r in rows)
    return rate, sorted(
        r["site"] for r in rows if r["events"] > binom.ppf(0.999, r["n"], rate)
    )


@pytest.mark.parametrize("force", ["no_product", "released_out_of_spec"])
def test_each_definition_says_whom_it_flags_and_what_that_changes(
    demo: Demo, force: str
) -> None:
    with demo.asked_by():
        rows = switched(LEAD, Filters(definition=force)).to_dicts()
    _, now = recounted(demo, force)
    for name, row in zip(DEFINITIONS, rows, strict=True):
        rate, flagged = recounted(demo, name)
        assert row["rate"] == pytest.approx(rate)
        assert row["flagged"] == flagged
        assert row["gained"] == sorted(set(flagged) - set(now))
        assert row["lost"] == sorted(set(now) - set(flagged))
        assert row["in_force"] == (name == force)


def test_the_sentence_names_the_definitions_that_would_change_who_is_flagged(
    demo: Demo,
) -> None:
    with demo.asked_by() as filters:
        frame = switched(LEAD, filters)
        said = CARD.sentence(frame)
    assert "By “no product”, the definition in force" in said
    for row in frame.filter(~pl.col("in_force")).to_dicts():
        changes = bool(row["gained"] or row["lost"])
        words = f"{row['definition'].lower()} ("
        told = f": {words}" in said or f"; {words}" in said
        assert told == changes
    assert "late failure (−3)" in said


def test_without_sites_to_compare_there_is_a_state_and_a_sentence(
    demo: Demo, tmp_path: Path
) -> None:
    with demo.asked_by(PUBLIC) as filters:
        frame = switched(PUBLIC, filters)
        assert CARD.sentence(frame).startswith("No site can be compared")
    assert frame["state"].unique().to_list() == ["not_applicable"]
    assert frame["reason"].null_count() == 0
    with altered(demo, tmp_path, only("rhodanie")).asked_by() as filters:
        assert CARD.sentence(switched(LEAD, filters)).endswith(".")
