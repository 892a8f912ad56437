import math
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from scipy.stats import binom

from dashboard import decisions
from dashboard.analysis import alarms
from dashboard.analysis.cusum_chart import REACHED
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.pages import _strips, over_time
from dashboard.queries import about
from dashboard.viewer import Request, Viewer, asking
from tests.demo import LEAD, Demo

SITE = "turiana"
STRATA = "product, pathway, starting_material, process"


def shown(demo: Demo, chart: str, viewer: Viewer = LEAD) -> pl.DataFrame:
    with demo.asked_by(viewer) as filters:
        return _strips.charts(viewer, filters.option("chart", chart))


def points(frame: pl.DataFrame, site: str) -> pl.DataFrame:
    return frame.filter(what="point", site=site)


def test_each_failure_of_a_mix_adds_its_surprise_at_the_networks_rate(
    demo: Demo,
) -> None:
    rows = demo.rows(
        "select site, coalesce(closed, final_decision, first_release, started) as day,"
        f" no_product, {STRATA} from fact_batch"
        " where counted and no_product is not null order by day, started, batch"
    ).rows()
    n = Counter(row[3:] for row in rows)
    lost = Counter(row[3:] for row in rows if row[2])
    mine = points(shown(demo, "adjusted"), SITE)
    limit = mine["upper"].unique().item()
    level, found = 0.0, []
    for site, day, failed, *stratum in rows:
        if site != SITE:
            continue
        risk = lost[tuple(stratum)] / n[tuple(stratum)]
        level = max(0.0, level + failed * math.log(2) - math.log1p(risk))
        if failed:
            found.append((day, level))
        level = 0.0 if level >= limit else level
    assert mine["x"].to_list() == [day for day, _ in found]
    assert mine["value"].to_list() == pytest.approx([value for _, value in found])


def test_a_site_sees_its_own_sum_and_it_is_the_leads_where_nothing_is_hidden(
    demo: Demo,
) -> None:
    viewer = Viewer("site", site=SITE)
    own = points(shown(demo, "cusum", viewer), SITE)
    assert own.equals(points(shown(demo, "cusum"), SITE))
    peers = points(shown(demo, "cusum", viewer), "peers")
    assert peers["chart"].unique().to_list() == ["p"]


def test_the_bad_the_strict_and_the_users_of_the_bad_lot_reach_the_limit(
    demo: Demo,
) -> None:
    with demo.asked_by() as filters:
        asked = filters.option("chart", "adjusted")
        rows = over_time.found(LEAD, asked)
        frame = _strips.charts(LEAD, asked)
        said = _strips.said(frame)
        hovers = [h for figure in _strips.drawn(frame) for t in figure.data
                  if t.name == "signal: worse" for h in t.hovertext]  # fmt: skip
    planted = {
        *demo.planted("double_failure_rate"), *demo.planted("stricter_criteria"),
        *demo.planted("bad_vector_lot"),
    }  # fmt: skip
    assert planted <= set(rows["site"])
    assert set(demo.planted("product_mix")).isdisjoint(rows["site"])
    assert rows["rule"].unique().to_list() == [REACHED]
    assert rows["side"].unique().to_list() == ["worse"]
    assert "a sum that reached its limit" in said
    assert "lower is better" in said
    assert sum("sum " in str(hover) for hover in hovers) == rows.height


@pytest.mark.parametrize("chart", ["cusum", "adjusted"])
def test_unplanted_sites_reach_the_limit_no_more_often_than_chance_allows(
    demo: Demo, chart: str
) -> None:
    untold = [p["site"] for p in demo.truth["unplanted"]]
    frame = shown(demo, chart).filter(
        pl.col("site").is_in(untold), pl.col("centre").is_not_null()
    )
    sites = frame.group_by("site").agg(pl.len(), pl.col("signal").is_not_null().any())
    chances = [alarms.chance(chart, "nelson", n) for n in sites["len"]]  # type: ignore[arg-type]
    most = binom.ppf(0.999, sites.height, sum(chances) / sites.height)
    assert sites.height > 10
    assert sites["signal"].sum() <= most < sites.height


def test_a_person_with_a_reason_begins_a_sum_anew(demo: Demo, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    known = about(demo.snapshots, LEAD)
    asked = Filters(extra={"chart": "cusum"})
    with asking(Request(LEAD, demo.snapshots, journal, known)):
        before = points(_strips.charts(LEAD, asked), "manzanera")
        decisions.record("rebase", "manzanera", "2024-04", "A new device.")
        after = points(_strips.charts(LEAD, asked), "manzanera")
    late = after.filter(pl.col("x") >= date(2024, 4, 1))
    assert before["phase"].unique().to_list() == [0]
    assert late["phase"].unique().to_list() == [1]
    assert late["value"][0] < math.log(2)
