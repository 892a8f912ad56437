import polars as pl
import pytest

from dashboard.pages import _cohorts
from tests.demo import LEAD, PUBLIC, Demo


def shown(demo: Demo) -> pl.DataFrame:
    with demo.asked_by(LEAD) as filters:
        return _cohorts.cohorts(LEAD, filters)


def test_published_counts_stand_with_their_exact_intervals(demo: Demo) -> None:
    rows = {(r["source"].split(" ")[0], r["stratum"], r["n"]): r for r in
            shown(demo).to_dicts()}  # fmt: skip
    japan = rows["Japan", "all", 32]
    assert (japan["lower"], japan["upper"]) == pytest.approx((0.020, 0.250), abs=5e-4)
    lymphoma = rows["UK", "LBCL", 981]
    assert lymphoma["rate"] == pytest.approx(0.0387, abs=5e-5)
    assert (lymphoma["lower"], lymphoma["upper"]) == pytest.approx(
        (0.0276, 0.0528), abs=5e-5
    )


def test_only_the_mantle_cell_stratum_lies_above_its_papers_limit(demo: Demo) -> None:
    high = shown(demo).filter(pl.col("flagged") == "high998")
    assert high["stratum"].to_list() == ["MCL"]
    assert high["events"].to_list() == [14]
    assert high["flag_at998"].to_list() == [14]


def test_published_counts_are_open_to_everybody(demo: Demo) -> None:
    with demo.asked_by(PUBLIC) as filters:
        assert _cohorts.cohorts(PUBLIC, filters).height == 15


def test_labels_that_are_cut_still_tell_the_strata_apart(demo: Demo) -> None:
    frame = shown(demo)
    with demo.asked_by(LEAD):
        figure = _cohorts.CARD.draw(frame)
        said = _cohorts.CARD.sentence(frame)
    uk = [t for t in figure.layout.yaxis.ticktext if "UK National" in t]
    assert len(uk) >= 3
    assert {"LBCL", "MCL", "B-ALL"} <= {t.split(",")[0] for t in uk}
    assert "MCL, UK National" in said
