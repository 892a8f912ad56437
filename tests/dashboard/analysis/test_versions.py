from datetime import date

import polars as pl

from dashboard.analysis.agreement import compared, lay_out
from dashboard.analysis.versions import changes, history, in_force
from tests.dashboard.analysis.specifying import (
    published,
    specifications,
    text,
    upper,
    viability,
)


def test_the_version_in_force_is_laid_out_and_an_ended_one_is_marked() -> None:
    ended = viability("b", ">=", 60, current=False, valid_to=date(2020, 1, 1))
    frame = specifications(
        viability("a", ">=", 70, current=False, valid_from=date(2020, 1, 1)),
        viability("a", ">=", 80, spec_version="2", valid_from=date(2024, 1, 1)),
        ended,
    )
    held = in_force(frame)
    told = held.select("site", "limit_low", "holds").sort("site").rows()
    assert told == [("a", 80.0, True), ("b", 60.0, False)]


def test_history_tells_what_each_version_changed() -> None:
    old, new = {"valid_from": date(2020, 1, 1)}, {"valid_from": date(2024, 1, 1)}
    second = {**new, "spec_version": "2"}
    frame = specifications(
        viability("a", ">=", 70, **old),
        viability("a", ">=", 80, **second),
        text("a", "sterility", "negative", method="usp", **old),
        text("a", "sterility", "no growth", method="bactec", **second),
        text("a", "mycoplasma", "negative", **old),
        upper("a", "endotoxin", 5, unit="EU/mL", **old),
        upper("a", "endotoxin", 5, unit="IU/mL", **second),
    )
    found = dict(changes(frame).select("parameter", "change").iter_rows())
    assert found == {
        "viability": "stricter",
        "sterility": "method",
        "mycoplasma": "dropped",
    }
    first, later = history(frame).to_dicts()
    assert (first["what"], first["stricter"]) == ("first version", 0)
    assert (later["stricter"], later["looser"], later["other"]) == (1, 0, 2)
    assert ">= 70 % → >= 80 % (stricter)" in later["what"]


def test_the_published_bead_limits_are_equal() -> None:
    frame = published().filter(pl.col("parameter") == "residual_beads")
    stands = compared(lay_out(frame), "treg_2021")
    assert stands["relation"].to_list() == ["equal"] * 3


def test_the_published_endotoxin_limits_are_ordered() -> None:
    frame = in_force(published()).filter(
        pl.col("parameter") == "endotoxin", pl.col("unit").is_in(["EU/mL", "IU/mL"])
    )
    counted = compared(lay_out(frame.with_columns(pl.lit(True).alias("member"))))
    shares = frame.join(counted.select("site", "strictness"), on="site")
    ordered = shares.sort("strictness", descending=True)
    asked = ordered.select("operator", "limit_high").unique(maintain_order=True).rows()
    assert asked == [
        ("<=", 0.3),
        ("<", 0.5),
        ("<=", 0.5),
        ("<", 2.5),
        ("<", 5.0),
        ("<", 12.5),
        ("<", 70.0),
    ]


def test_the_second_cd133_version_is_stricter_where_the_paper_says_so() -> None:
    frame = published().filter(pl.col("site") == "cd133_2015")
    found = dict(changes(frame).select("parameter", "change").iter_rows())
    assert found == {
        "viability": "stricter",
        "cd133_purity": "stricter",
        "dose": "stricter",
        "endotoxin": "not_comparable",
        "mycoplasma": "dropped",
    }
