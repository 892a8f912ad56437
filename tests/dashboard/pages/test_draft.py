from collections.abc import Iterator

import polars as pl
import pytest

from dashboard import queries
from dashboard.drafts import asked_limits, levers, moved, written_limits
from dashboard.filters import Filters
from dashboard.pages import _draft_counts, _draft_limit
from dashboard.pages._drafting import CONSENSUS, Drafting, drafting
from dashboard.queries import telling
from dashboard.viewer import Viewer
from etl.outcome import batch_outcomes
from etl.replay import judge
from tests.demo import LEAD, PUBLIC, Demo

CD19 = Filters(product=("car-t-cd19",))
SITE = Viewer("site", site="manzanera")
AUTHORITY = Viewer("authority", region="ES30")
EVERYBODY = (LEAD, SITE, AUTHORITY, PUBLIC)
CARDS = (*_draft_counts.CARDS, _draft_limit.CARD)


def with_limit(text: str) -> Filters:
    return CD19.option("limits", text)


def found(viewer: Viewer, filters: Filters) -> Drafting:
    draft = drafting(viewer, filters)
    assert draft is not None
    return draft


def counts(frame: pl.DataFrame, site: str) -> tuple[object, ...]:
    return frame.filter(pl.col("site") == site).select(queries.DRAFT_COUNTS).row(0)


def tenths() -> Iterator[float]:
    yield from (x / 10 for x in range(697, 961, 11))
    yield from (70.0, 80.0, 88.0, 90.0)


@pytest.mark.parametrize("viewer", [SITE, AUTHORITY], ids=str)
@pytest.mark.parametrize("against", ["start", "own"])
def test_a_slide_in_tiny_steps_shows_nothing_of_batches_of_others(
    demo: Demo, viewer: Viewer, against: str
) -> None:
    """The attack: where a pool's count changes, a batch has its value."""
    with demo.asked_by(viewer):
        start = found(viewer, CD19)
        (lever,) = (x for x in start.levers if x.key == "viability")
        told: dict[float, pl.DataFrame] = {
            limit: _draft_counts.sites(
                viewer, with_limit(f"viability:{limit}").option("against", against)
            )
            for limit in tenths()
        }
        beside = _draft_counts.sites(viewer, with_limit("viability:80,vcn:9.5"))
    free = {viewer.site}
    for limit, frame in told.items():
        others = frame.filter(~pl.col("site").is_in([*free]))
        assert others.height
        if limit not in (*lever.in_use, lever.limit):
            assert set(others["state"]) == {"suppressed"}
            assert others.select(queries.DRAFT_COUNTS).null_count().row(0) == (
                (others.height,) * len(queries.DRAFT_COUNTS)
            )
    # Two limits at once would cut the pool into smaller pieces.
    assert beside.filter(~pl.col("site").is_in([*free]), pl.col("n") > 0).is_empty()
    own = [counts(frame, "manzanera") for frame in told.values()]
    assert (len(set(own)) > 5) == (viewer == SITE)


@pytest.mark.parametrize("viewer", [SITE, AUTHORITY], ids=str)
def test_two_answers_about_others_differ_by_several_batches_or_by_none(
    demo: Demo, viewer: Viewer
) -> None:
    answered = 0
    with demo.asked_by(viewer):
        for lever in found(viewer, CD19).levers:
            asked = [with_limit(f"{lever.key}:{limit}") for limit in lever.in_use]
            frames = [_draft_counts.sites(viewer, each) for each in asked]
            for site in set(frames[0]["site"]) - {viewer.site}:
                rows = [counts(frame, site) for frame in frames]
                known = [row for row in rows if row[0] is not None]
                answered += len(known)
                for one in known:
                    for other in known:
                        assert abs(int(str(one[2])) - int(str(other[2]))) not in (
                            range(1, 5)
                        )
                    assert one[4] == 0 or int(str(one[4])) >= 5
                    assert one[5] == 0 or int(str(one[5])) >= 5
    assert answered > 5


def test_an_answer_that_few_batches_part_from_another_is_held_back(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With "few" set so high that the planted network has such a case."""
    told = []
    for few in (5, 10_000):
        monkeypatch.setattr(telling, "FEWEST_CHANGED", few)
        with demo.asked_by(SITE):
            rows = _draft_counts.sites(SITE, with_limit("dose:600000000"))
        told.append(rows.filter(pl.col("site") == "peers").row(0, named=True))
    assert told[0]["state"] == "data" and told[0]["lost"] > 5
    assert told[1]["state"] == "suppressed" and told[1]["after"] is None
    assert "fewer than" in told[1]["reason"]


def test_a_start_made_of_parts_of_specifications_tells_nothing_of_others(
    demo: Demo,
) -> None:
    """Joined from several, it would cut the pool where none of them does."""
    with demo.asked_by(SITE):
        start = found(SITE, CD19).draft.start
        part = queries.Under(start.criteria.filter(pl.col("parameter") == "viability"))
        for under in (start, part):
            draft = queries.Draft(under, under)
            rows = queries.drafted(SITE, CD19, "car-t-cd19", draft)
            (state,) = rows.filter(pl.col("site") == "peers")["state"]
            assert state == ("data" if under is start else "suppressed")


def test_what_a_limit_would_cost_is_told_of_ones_own_batches_only(demo: Demo) -> None:
    for viewer in EVERYBODY:
        with demo.asked_by(viewer):
            rows = _draft_limit.limits(viewer, CD19)
            draft = drafting(viewer, CD19)
        if viewer in (AUTHORITY, PUBLIC):
            assert rows.is_empty()
            continue
        assert draft is not None
        tested = {LEAD: 2650, SITE: 282}[viewer]
        assert set(rows["n"]) == {tested}


def test_a_draft_is_what_single_results_come_to(demo: Demo) -> None:
    """One site's batches under three moved limits, judged again result by result."""
    filters = with_limit("viability:88,car_positive:40").option("base", "rhodanie")
    with demo.asked_by(LEAD):
        frame = _draft_counts.sites(LEAD, filters)
        draft = found(LEAD, filters).draft
    batches = demo.rows(
        "select * from fact_batch where site = 'rhodanie' and counted"
        " and product = 'car-t-cd19' and ended_as not in ('in_process', 'terminated')"
    )
    results = demo.rows("select * from result where site = 'rhodanie'")
    version = draft.start.criteria["spec_version"][0]
    assignment = batches.select(
        *("site", "batch", "product", "final_volume_ml", "recipient_weight_band_kg"),
        spec_site=pl.lit("rhodanie"),
        spec_version=pl.lit(version),
    )
    fails: dict[str, set[str]] = {}
    unknown: dict[str, set[str]] = {}
    for name, under in (("before", draft.start), ("after", draft.after)):
        gates = batch_outcomes(judge(results, under.criteria, assignment))
        sums = gates.group_by("batch").agg(pl.col("failed", "undetermined").sum())
        fails[name] = set(sums.filter(pl.col("failed") > 0)["batch"])
        open_ = sums.filter(pl.col("failed") == 0, pl.col("undetermined") > 0)
        unknown[name] = set(open_["batch"])
    assert counts(frame, "rhodanie") == (
        batches.height,
        len(fails["before"]),
        len(fails["after"]),
        len(fails["after"] - fails["before"]),
        len(fails["before"] - fails["after"]),
        _sole(demo, draft),
        len(unknown["after"]),
    )
    assert len(fails["after"] - fails["before"]) > 0
    assert len(fails["before"] - fails["after"]) > 5


def test_lost_less_gained_is_what_changes(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        for text in ("viability:88", "vcn:2", "viability:40,car_positive:5"):
            for against in ("start", "own"):
                asked = with_limit(text).option("against", against)
                rows = _draft_counts.sites(LEAD, asked)
                change = rows["after"] - rows["before"]
                assert change.to_list() == (rows["lost"] - rows["gained"]).to_list()
                tests = _draft_counts.tests(LEAD, asked)
                assert tests["after"].sum() == rows["sole"].sum()


def test_a_draft_without_a_move_loses_and_gains_nothing(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        rows = _draft_counts.sites(LEAD, CD19)
        assert found(LEAD, CD19).base == CONSENSUS
    assert rows.select(pl.col("lost", "gained").sum()).row(0) == (0, 0)
    assert int(rows["n"].sum()) == 2650


def test_the_pareto_set_holds_what_no_stricter_limit_can_replace(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        for test in ("viability", "vcn"):
            rows = _draft_limit.limits(LEAD, CD19.option("test", test))
            up = test == "viability"
            for row in rows.iter_rows(named=True):
                stricter = rows.filter(
                    pl.col("limit") > row["limit"]
                    if up
                    else pl.col("limit") < row["limit"]
                )
                free = stricter.filter(pl.col("failed") <= row["failed"]).height
                assert row["efficient"] == (free == 0)
            assert {"in use", "measured", "the draft"} <= set(rows["where"])
            here = rows.filter(pl.col("where") == "the draft")["failed"][0]
            assert here == int(_draft_counts.sites(LEAD, CD19)["after"].sum())


def test_each_place_for_a_limit_costs_what_the_draft_with_it_does(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        places = _draft_limit.limits(LEAD, with_limit("vcn:4").option("test", "vcn"))
        for limit in (2.0, 7.0, 10.0):
            if limit in places["limit"]:
                rows = _draft_counts.sites(LEAD, with_limit(f"vcn:{limit}"))
                (row,) = places.filter(pl.col("limit") == limit).to_dicts()
                assert row["failed"] == int(rows["after"].sum())


def test_limits_of_an_address_that_cannot_be_are_left_out(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        known = found(LEAD, CD19).levers
    text = "viability:75,vcn:nan,dose:-1,nothing:5,cd3_purity:1e9,endotoxin,vcn:4"
    assert asked_limits(text, known) == {"viability": 75.0, "vcn": 4.0}
    assert written_limits({"vcn": 4.0, "dose": 3.5e7}) == "dose:35000000,vcn:4"
    start = {lever.key: lever.limit for lever in known}
    assert asked_limits(written_limits(start), known) == {}


def test_neither_end_of_a_limit_passes_the_other() -> None:
    between = pl.DataFrame(
        {
            "parameter": ["dose"],
            "operator": ["between"],
            "limit_low": [2.0],
            "limit_high": [6.0],
            "status": ["release"],
            "unit": ["cells"],
        }
    )
    known = levers(between, [[]])
    assert [lever.key for lever in known] == ["dose-low", "dose-high"]
    assert asked_limits("dose-low:5,dose-high:4", known) == {}
    assert asked_limits("dose-low:3", known) == {"dose-low": 3.0}
    assert moved(between, known, {"dose-low": 3.0})["limit_low"].to_list() == [3.0]


def test_every_lever_can_come_back_to_where_it_starts(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        for base in found(LEAD, CD19).starts.criteria:
            for lever in found(LEAD, CD19.option("base", base)).levers:
                steps = (lever.limit - lever.least) / lever.step
                assert abs(steps - round(steps)) < 1e-6
                assert lever.least <= lever.limit <= lever.most


@pytest.mark.parametrize("viewer", EVERYBODY, ids=str)
@pytest.mark.parametrize("text", ["", "viability:88.5", "viability:0,vcn:0"])
def test_what_is_said_is_whole_for_every_viewer(
    demo: Demo, viewer: Viewer, text: str
) -> None:
    with demo.asked_by(viewer):
        for asked in (with_limit(text), with_limit(text).option("base", "tcnk")):
            for card in CARDS:
                rows = card.frame(viewer, asked)
                said = card.sentence(rows)
                assert said and "None" not in said and "nan" not in said.lower()
                assert card.draw is None or card.draw(rows)
                assert card.count is None or card.count(rows)
            if viewer == PUBLIC:
                assert drafting(viewer, asked) is None


def _sole(demo: Demo, draft: queries.Draft) -> int:
    with demo.asked_by(LEAD):
        (row,) = (
            queries.replayed(LEAD, CD19, "car-t-cd19", {"draft": draft.after})
            .filter(pl.col("site") == "rhodanie", pl.col("specification") == "draft")
            .to_dicts()
        )
    return int(row["sole"])
