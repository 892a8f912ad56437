from typing import Any

import polars as pl
import pytest

from dashboard.attention import attention
from dashboard.viewer import Viewer
from tests.demo import LEAD, PUBLIC, Demo

# What the list calls each thing that was planted.
FOUND_AS = {
    "double_failure_rate": "failure_rate",
    "stricter_criteria": "failure_rate",
    "product_mix": "failure_rate",
    "stopped_reporting": "silence",
    "staff_shortage": "staff",
    "discordant_releases": "discordance",
}


def told(demo: Demo, viewer: Viewer = LEAD) -> pl.DataFrame:
    with demo.asked_by(viewer) as filters:
        return attention(viewer, filters)


def sites_of(frame: pl.DataFrame, kind: str) -> set[str]:
    return set(frame.filter(pl.col("kind") == kind)["site"])


def lot(demo: Demo) -> dict[str, Any]:
    return next(p for p in demo.truth["plants"] if p["kind"] == "bad_vector_lot")


@pytest.mark.parametrize("kind", sorted(set(FOUND_AS.values())))
def test_exactly_the_planted_sites_are_named_and_for_what_was_planted(
    demo: Demo, kind: str
) -> None:
    planted = {
        p["site"]
        for p in demo.truth["plants"]
        if FOUND_AS.get(p["kind"]) == kind and p["must_be_found"]
    }
    assert planted
    assert sites_of(told(demo), kind) == planted


def test_the_bad_lot_is_named_and_no_other(demo: Demo) -> None:
    (line,) = told(demo).filter(pl.col("kind") == "lot").to_dicts()
    planted = lot(demo)
    assert planted["lot"] in line["site"]
    assert f"{planted['observed']} of {planted['n']} batches" in line["evidence"]


def test_neither_the_small_site_nor_any_unplanted_one_is_told(demo: Demo) -> None:
    untold = {p["site"] for p in demo.truth["unplanted"]} | set(
        demo.planted("too_small")
    )
    assert len(untold) > 10
    frame = told(demo)
    assert not untold & set(frame["site"])
    assert len(frame) == 7


def test_each_line_says_its_evidence_its_false_alarms_and_where_to_look(
    demo: Demo,
) -> None:
    for line in told(demo).to_dicts():
        assert line["evidence"].endswith(".")
        assert line["false_alarm"].endswith(".")
        page = line["page"].partition("?")[0]
        assert page in ("/failures", "/quality", "/capacity", "/tracing")
        assert line["state"] == "data"


@pytest.mark.parametrize("kind", ["stopped_reporting", "discordant_releases",
                                  "staff_shortage", "double_failure_rate"])  # fmt: skip
def test_a_site_is_told_of_its_own_things_and_of_nobody_else_s(
    demo: Demo, kind: str
) -> None:
    (site,) = demo.planted(kind)
    frame = told(demo, Viewer("site", site=site))
    assert set(frame["site"]) <= {site}
    whole = told(demo).filter(pl.col("site") == site)
    if kind in ("stopped_reporting", "discordant_releases"):
        assert frame["kind"].to_list() == whole["kind"].to_list()


def test_every_user_of_the_bad_lot_is_told_and_no_other_site(demo: Demo) -> None:
    planted = lot(demo)
    for site in (*planted["sites"], "manzanera", "vesuvina"):
        frame = told(demo, Viewer("site", site=site))
        lots = frame.filter(pl.col("kind") == "lot")
        assert lots.height == (site in planted["sites"])
        others = set(planted["sites"]) - {site}
        assert not any(other in str(lots.rows()) for other in others)


def test_the_public_is_told_nothing(demo: Demo) -> None:
    assert told(demo, PUBLIC).is_empty()
