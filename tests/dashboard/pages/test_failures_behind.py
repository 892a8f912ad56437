"""The list of batches behind a point, and the way to it."""

import polars as pl
import pytest

from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.pages import _behind, _shrunken, _standardised, _usual, failures
from dashboard.rates import behind, compared
from dashboard.table import content
from dashboard.viewer import Viewer
from tests.demo import LEAD, PUBLIC, Demo

SITE = "rhodanie"
OWN = Viewer("site", site=SITE)
REGION = Viewer("authority", region="ES30")


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_behind_a_point_stand_as_many_batches_as_it_counts(
    demo: Demo, definition: str
) -> None:
    filters = Filters(site=(SITE,), definition=definition)
    with demo.asked_by():
        (point,) = compared(LEAD, filters).to_dicts()
        listed = _behind.behind(LEAD, filters)
        said = _behind.CARD.sentence(listed)
    assert listed["site"].unique().to_list() == [SITE]
    assert (listed["failed"].sum(), listed.height) == (point["events"], point["n"])
    assert listed["failed"].is_sorted(descending=True)
    assert listed["batch"].n_unique() == listed.height
    assert "Fewer failures are better" in said


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_for_all_sites_every_failure_is_listed(demo: Demo, definition: str) -> None:
    filters = Filters(definition=definition)
    with demo.asked_by():
        points = compared(LEAD, filters)
        listed = _behind.behind(LEAD, filters)
    assert listed["failed"].all()
    counts = dict(listed.group_by("site").len().iter_rows())
    assert counts == dict(points.filter(pl.col("events") > 0)["site", "events"].rows())


def test_a_period_chooses_the_batches_of_its_point(demo: Demo) -> None:
    filters = Filters(site=(SITE,), start="2024-01", end="2024-06")
    with demo.asked_by():
        (point,) = compared(LEAD, filters).to_dicts()
        listed = _behind.behind(LEAD, filters)
    assert listed.height == point["n"] > 0
    assert listed["started"].dt.strftime("%Y-%m").is_between("2024-01", "2024-06").all()


@pytest.mark.parametrize(
    ("viewer", "filters", "sites"),
    [
        (OWN, Filters(), {SITE}),
        (OWN, Filters(site=("manzanera",)), set()),
        (REGION, Filters(), set()),
        (PUBLIC, Filters(), set()),
    ],
    ids=str,
)
def test_nobody_lists_the_batches_of_another(
    demo: Demo, viewer: Viewer, filters: Filters, sites: set[str]
) -> None:
    with demo.asked_by(viewer):
        listed = _behind.behind(viewer, filters)
        assert _behind.CARD.sentence(listed).endswith(".")
    assert set(listed["site"]) == sites


@pytest.mark.parametrize("viewer", [LEAD, OWN, REGION, PUBLIC], ids=str)
def test_points_and_tables_lead_to_what_the_viewer_may_list(
    demo: Demo, viewer: Viewer
) -> None:
    may = {
        "lead": lambda site: True,
        "site": lambda site: site == SITE,
    }.get(viewer.role, lambda site: False)
    cards = {c.id: c for c in (_standardised.CARD, _usual.CARD, _shrunken.CARD)}
    with demo.asked_by(viewer) as filters:
        frame = failures.points(viewer, filters)
        assert behind(frame).to_list() == [s if may(s) else None for s in frame["site"]]
        drawn = failures._drawn(frame)
        told = content(frame, failures._POINTS, "points")
        for name in ("failure-usual", "failure-standardised"):
            cards[name].draw(cards[name].frame(viewer, filters))
    clicks = {s for t in drawn.data if t.customdata is not None for s in t.customdata}
    assert clicks - {None} == {s for s in frame.drop_nulls("rate")["site"] if may(s)}
    for row, site in zip(told["rows"], frame["site"], strict=True):
        cell = row["cells"][-1]
        link = {"site": site, "words": "batches"}
        assert cell == (link if may(site) else "counts only")


@pytest.mark.parametrize("definition", ["no_product", "out_of_spec", "late_failure"])
def test_what_a_rate_leaves_out_is_shown_beside_it(demo: Demo, definition: str) -> None:
    column = DEFINITIONS[definition].column
    rows = demo.rows(
        "select site, count(*) filter (where in_process) as running,"
        f" count(*) filter (where not in_process and {column} is null) as untold"
        " from fact_batch where counted group by site order by site"
    )
    filters = Filters(definition=definition)
    with demo.asked_by():
        frame = failures.points(LEAD, filters).filter(pl.col("n") > 0).sort("site")
        said = failures.said(frame)
    assert frame["in_process"].to_list() == rows["running"].to_list()
    assert f"{rows['running'].sum()} still in process" in said
    if definition == "late_failure":
        assert frame["undetermined"].null_count() == frame.height
    else:
        assert frame["undetermined"].to_list() == rows["untold"].to_list()
    judged = rows["untold"].sum() if definition == "out_of_spec" else 0
    told = f"{judged} with a criterion that nobody judged" in said
    assert told == (definition == "out_of_spec")


def test_the_hover_has_every_limit_in_batches_and_the_power_in_words(
    demo: Demo,
) -> None:
    with demo.asked_by() as filters:
        frame = compared(LEAD, filters)
        rows = {row["site"]: row for row in frame.to_dicts()}
        bad, small = (failures._hover(rows[s]) for s in ("manzanera", "vesuvina"))
    row = rows["manzanera"]
    assert f"above the 95 % limit at {row['flag_at95']} failures or more" in bad
    assert f"above the 99.8 % limit at {row['flag_at998']} or more" in bad
    assert f"below the 95 % limit at {row['low_at95']} or fewer" in bad
    assert f"below the 99.8 % limit at {row['low_at998']} or fewer" in bad
    assert f"{row['power_double']:.0%} of the time" in bad
    assert "12 batches are too few: a doubled rate would mostly go unseen" in small
