import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import polars as pl
import pytest
from scipy.stats import binom, geom

from dashboard import card, charting, decisions, queries
from dashboard.analysis import alarms
from dashboard.analysis.rules import RuleSet
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.pages import _strips, over_time
from dashboard.viewer import Request, Viewer, asking
from tests.demo import LEAD, PUBLIC, Demo

UNCOUNTED = ("validation", "engineering")
MDC = {"rules": "making_data_count"}
SITE = Viewer("site", site="turiana")
REGION = Viewer("authority", region="ES30")


@contextmanager
def asked(demo: Demo, journal: Path, viewer: Viewer = LEAD) -> Iterator[Filters]:
    """As `demo.asked_by`, with a journal that no other test writes to."""
    about = queries.about(demo.snapshots, viewer)
    request = Request(viewer, demo.snapshots, Journal(journal), about)
    with asking(request):
        yield Filters()


@pytest.fixture(scope="module")
def outcomes(demo: Demo) -> dict[str, list[dict[str, Any]]]:
    """Every counted batch that ended, by site: started, closed, failed, batch."""
    decided = defaultdict(list)
    for row in demo.rows("from release").to_dicts():
        decided[row["site"], row["batch"]].append(row)
    stages = dict(demo.rows("select site, stage from site").iter_rows())
    found = defaultdict(list)
    for b in demo.rows("from batch").to_dicts():
        if b["pathway"] in UNCOUNTED or stages[b["site"]] == "pre_gmp":
            continue
        mine = decided[b["site"], b["batch"]]
        out = [r["decided"] for r in mine if r["decision"] != "rejected"]
        no = [r["decided"] for r in mine if r["decision"] == "rejected"]
        if not (out or no or b["ended"]):
            continue
        final = [r["decided"] for r in mine if r["gate"] != "provisional"]
        days = [b["ended"], min(no, default=None), max(final, default=None),
                min(out, default=None), b["started"]]  # fmt: skip
        found[b["site"]].append(
            {**b, "failed": not out, "closed": next(d for d in days if d)}
        )
    return found


@pytest.fixture(scope="module")
def frame(demo: Demo) -> pl.DataFrame:
    with demo.asked_by(LEAD) as filters:
        return _strips.charts(LEAD, filters)


def points(frame: pl.DataFrame, site: str) -> pl.DataFrame:
    return frame.filter(pl.col("what") == "point", pl.col("site") == site).sort("x")


def test_batches_between_failures_are_a_recount_of_the_rows(
    frame: pl.DataFrame, outcomes: dict[str, list[dict[str, Any]]]
) -> None:
    site = "amstelrade"
    rows = sorted(outcomes[site], key=lambda b: (b["closed"], b["started"], b["batch"]))
    gaps, good = [], None
    for row in rows:
        if not row["failed"]:
            good = None if good is None else good + 1
            continue
        if good is not None:
            gaps.append((row["closed"], good))
        good = 0
    shown = points(frame, site)
    assert shown["chart"].unique().to_list() == ["g"]
    assert shown.select("x", "value").rows() == gaps
    mean = sum(value for _, value in gaps[:20]) / 20
    upper = geom.ppf(1 - 0.0013498980316, 1 / (mean + 1)) - 1
    assert shown["centre"].unique().to_list() == pytest.approx([mean])
    assert shown["upper"].unique().to_list() == pytest.approx([upper])
    assert shown["limits"].unique().to_list() == ["fixed"]


def quarterly(rows: list[dict[str, Any]]) -> dict[date, tuple[int, int]]:
    counts: dict[date, tuple[int, int]] = {}
    for row in rows:
        day = row["started"]
        quarter = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        events, n = counts.get(quarter, (0, 0))
        counts[quarter] = (events + row["failed"], n + 1)
    return dict(sorted(counts.items()))


def test_rates_by_quarter_and_their_limits_are_a_recount_of_the_rows(
    demo: Demo, outcomes: dict[str, list[dict[str, Any]]]
) -> None:
    with demo.asked_by(LEAD) as filters:
        shown = points(_strips.charts(LEAD, filters.option("chart", "p")), "pujiang")
    counts = quarterly(outcomes["pujiang"])
    running = counts.pop(date(2026, 10, 1))
    assert running[1] > 0
    assert dict(zip(shown["x"], shown.select("events", "n").rows(), strict=True)) == (
        counts
    )
    first = list(counts.values())[:20]
    centre = sum(e for e, _ in first) / sum(n for _, n in first)
    assert shown["centre"].to_list() == pytest.approx([centre] * shown.height)
    upper = [min(1, centre + 3 * math.sqrt(centre * (1 - centre) / n))
             for _, n in counts.values()]  # fmt: skip
    assert shown["upper"].to_list() == pytest.approx(upper)


def test_the_three_sites_of_the_bad_lot_are_the_ones_that_got_worse(
    demo: Demo, frame: pl.DataFrame
) -> None:
    planted = sorted(demo.planted("bad_vector_lot"))
    with demo.asked_by(LEAD) as filters:
        rows = over_time.found(LEAD, replace(filters, extra=MDC))
    worse = rows.filter(pl.col("side") == "worse")
    used = demo.rows(
        "select min(b.started) as first, max(b.closed) as last from material as m"
        " join fact_batch as b using (site, batch) where lot = 'LV9317'"
    ).row(0, named=True)
    assert sorted(worse["site"].unique()) == planted
    assert worse["x"].is_between(used["first"], used["last"]).all()


@pytest.mark.parametrize("rule_set", charting.RULE_SETS)
def test_unplanted_sites_signal_no_more_often_than_chance_allows(
    demo: Demo, rule_set: RuleSet
) -> None:
    with demo.asked_by(LEAD) as filters:
        drawn = _strips.charts(LEAD, filters.option("rules", rule_set))
    drawn = drawn.filter(
        pl.col("centre").is_not_null(),
        ~pl.col("site").is_in(demo.planted("bad_vector_lot")),
    )
    sites = drawn.group_by("site", "chart").agg(
        pl.len(), pl.col("signal").is_not_null().any()
    )
    chances = [alarms.chance(chart, rule_set, n)
               for chart, n in sites.select("chart", "len").rows()]  # fmt: skip
    most = binom.ppf(0.999, sites.height, sum(chances) / sites.height)
    assert sites["signal"].sum() <= most < sites.height
    assert sites["signal"].sum() < sites.height / 2


def traces(figures: list[go.Figure]) -> list[Any]:
    return [trace for figure in figures for trace in figure.data if trace.name]


def words_on(figures: list[go.Figure]) -> list[str]:
    return [note.text for figure in figures for note in figure.layout.annotations]


def test_signals_in_the_table_are_those_on_the_charts(
    demo: Demo, frame: pl.DataFrame
) -> None:
    with demo.asked_by(LEAD) as filters:
        rows = over_time.found(LEAD, filters)
        figures = _strips.drawn(frame)
        said = _strips.said(frame)
    marked = frame.filter(pl.col("signal").is_not_null())
    assert set(rows["site"]) == set(marked["site"])
    for row in rows.to_dicts():
        point = marked.filter(
            pl.col("site") == row["site"], pl.col("x") == row["x"],
            pl.col("value") == row["value"],
        )  # fmt: skip
        assert row["rule"] in point["signal"][0]
    drawn: Counter[str] = Counter()
    for trace in traces(figures):
        drawn[trace.name] += sum(y is not None for y in trace.y)
    for side in ("worse", "better"):
        assert drawn[f"signal: {side}"] == marked.filter(pl.col("side") == side).height
    shapes = {(t.name, t.marker.symbol) for t in traces(figures)
              if str(t.name).startswith("signal")}  # fmt: skip
    assert len({symbol for _, symbol in shapes}) == len(shapes) == 2
    titles = " ".join(words_on(figures))
    assert "◆ worse, 28 Dec 2025: 8 in a row on one side" in titles
    assert f"{marked['site'].n_unique()} of 21 charts" in said
    assert "Western Electric" in said


def test_the_page_stays_light_with_two_dozen_sites(frame: pl.DataFrame) -> None:
    with asking_nobody():
        figures = _strips.drawn(frame)
    assert len(figures) == 2
    for figure in figures:
        assert len(figure.data) < 15
        assert len(json.dumps(figure.to_dict(), default=str)) < 200_000
        assert len([k for k in figure.layout if str(k).startswith("xaxis")]) == 1
    assert figures[0].layout.xaxis.range == figures[1].layout.xaxis.range


@contextmanager
def asking_nobody() -> Iterator[None]:
    nowhere = Path("nowhere")
    about = queries.about(nowhere, PUBLIC)
    with asking(Request(PUBLIC, nowhere, Journal(nowhere), about)):
        yield


def test_a_change_of_medium_is_a_labelled_line_at_its_date(
    demo: Demo, frame: pl.DataFrame
) -> None:
    changed = demo.rows("select site, date from milestone where kind='medium_changed'")
    marks = frame.filter(pl.col("what") == "medium changed").select("site", "x")
    assert sorted(marks.rows()) == sorted(changed.rows())
    with demo.asked_by(LEAD):
        figures = _strips.drawn(frame)
    words = [text for text in words_on(figures) if "medium changed" in text]
    assert len(words) == changed.height


def test_new_limits_come_from_a_person_with_a_reason_and_show_as_a_step(
    demo: Demo, tmp_path: Path, outcomes: dict[str, list[dict[str, Any]]]
) -> None:
    journal = tmp_path / "journal.sqlite"
    with asked(demo, journal) as filters:
        filters = filters.option("chart", "p")
        before = points(_strips.charts(LEAD, filters), "manzanera")
        said = decisions.record("rebase", "manzanera", "2024-04", "New <b>device</b>.")
        assert "manzanera, 2024-04" in said
        frame = _strips.charts(LEAD, filters)
        table = over_time._marked(LEAD, filters)
        figures = _strips.drawn(frame)
    after = points(frame, "manzanera")
    counts = quarterly(outcomes["manzanera"])
    counts.pop(date(2026, 10, 1))
    for phase, late in ((0, False), (1, True)):
        mine = [c for day, c in counts.items() if (day >= date(2024, 4, 1)) == late]
        centre = sum(e for e, _ in mine) / sum(n for _, n in mine)
        part = after.filter(pl.col("phase") == phase)
        assert part["centre"].to_list() == pytest.approx([centre] * len(mine))
    assert before["phase"].unique().to_list() == [0]
    assert after["value"].to_list() == before["value"].to_list()
    row = table.filter(pl.col("what") == "new limits").row(0, named=True)
    assert (row["site"], row["x"], row["who"]) == (
        "manzanera", date(2024, 4, 1), "lead",
    )  # fmt: skip
    assert row["words"] == "New <b>device</b>."
    assert row["at"] is not None
    hovers = [h for t in traces(figures) if t.name == "change or note"
              for h in t.hovertext]  # fmt: skip
    assert any(h and "New &lt;b&gt;device" in h and "lead" in h for h in hovers)
    entry = Journal(journal).read("rebase", "manzanera")[0]
    assert entry.body == {"from": "2024-04", "reason": "New <b>device</b>."}


def test_new_limits_are_taken_back_by_a_later_entry(demo: Demo, tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    with asked(demo, journal) as filters:
        before = _strips.charts(LEAD, filters)
        decisions.record("rebase", "turiana", "2024-04", "A slip of the mouse.")
        between = _strips.charts(LEAD, filters)
        again = decisions.record("withdrawn", "turiana", "2024-05", "Meant April.")
        assert again.startswith("Nothing was written")
        decisions.record("withdrawn", "turiana", "2024-04", "Meant another site.")
        after = _strips.charts(LEAD, filters)
    assert points(between, "turiana")["phase"].unique().sort().to_list() == [0, 1]
    assert points(after, "turiana").equals(points(before, "turiana"))
    assert len(Journal(journal).read("rebase")) == 2


@pytest.mark.parametrize(
    ("viewer", "site"),
    [(PUBLIC, "turiana"), (REGION, "manzanera"), (SITE, "manzanera"),
     (SITE, "peers"), (LEAD, "no-such-site"), (LEAD, None)],
)  # fmt: skip
def test_who_may_not_decide_writes_nothing(
    demo: Demo, tmp_path: Path, viewer: Viewer, site: str | None
) -> None:
    journal = tmp_path / "journal.sqlite"
    with asked(demo, journal, viewer):
        for kind in decisions.KINDS:
            said = decisions.record(kind, site, "2024-04", "Because.")
            assert said.startswith("Nothing was written")
        shown = str(decisions.form(viewer))
    assert Journal(journal).read() == ()
    assert ("decide-why" in shown) == (viewer in (SITE, LEAD))


@pytest.mark.parametrize(
    ("month", "why"),
    [("2024-13", "x"), ("1999-01", "x"), (None, "x"), ("2024-04", " ")],
)
def test_a_decision_needs_a_month_of_the_network_and_a_reason(
    demo: Demo, tmp_path: Path, month: str | None, why: str
) -> None:
    journal = tmp_path / "journal.sqlite"
    with asked(demo, journal):
        said = decisions.record("rebase", "turiana", month, why)
    assert said.startswith("Nothing was written")
    assert Journal(journal).read() == ()


def test_a_note_on_a_month_is_shown_with_who_and_when_to_who_sees_the_site(
    demo: Demo, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.sqlite"
    with asked(demo, journal, SITE):
        decisions.record("note", "turiana", "2025-10", "New vector lot.")
    seen = {}
    for viewer in (LEAD, SITE, REGION, PUBLIC, Viewer("site", site="manzanera")):
        with asked(demo, journal, viewer) as filters:
            frame = _strips.charts(viewer, filters)
            seen[viewer] = frame.filter(pl.col("what") == "note")["words"].to_list()
    assert all(w.startswith("New vector lot. (site:turiana, written")
               for w in seen[LEAD] + seen[SITE])  # fmt: skip
    assert [len(words) for words in seen.values()] == [1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("viewer", "headings"),
    [
        (PUBLIC, {"network"}),
        (SITE, {"turiana", "peers"}),
        (REGION, {"manzanera", "other-regions"}),
    ],
)
def test_nobody_sees_more_sites_or_dates_than_they_may(
    demo: Demo, viewer: Viewer, headings: set[str]
) -> None:
    for chart in charting.CHARTS:
        with demo.asked_by(viewer) as filters:
            asked_for = filters.option("chart", chart)
            frame = _strips.charts(viewer, asked_for)
            rows = over_time.found(viewer, asked_for)
            order = queries.sequence(viewer, asked_for, "no_product")
        assert set(frame["site"]) <= headings
        assert set(rows["site"]) <= headings
        assert set(order["site"]) == ({"turiana"} if viewer == SITE else set())
        between = frame.filter(~pl.col("chart").is_in(charting.PLAIN))
        assert set(between["site"]) <= ({"turiana"} if viewer == SITE else set())


def test_a_flag_that_is_none_is_refused(demo: Demo) -> None:
    with demo.asked_by(LEAD) as filters, pytest.raises(ValueError, match="no failure"):
        queries.sequence(LEAD, filters, "started or true")


def test_the_silent_site_s_last_month_is_a_silence_and_no_other_site_s(
    demo: Demo,
) -> None:
    with demo.asked_by(LEAD) as filters:
        silent = queries.silent_months(LEAD, filters)
    told = silent.filter(pl.col("month") >= date(2026, 1, 1))
    # A centre before GMP is no member of any rate; its gaps are planted for Readiness.
    members = told.filter(pl.col("site") != "skanelund")
    assert members.rows() == [("cheviotdale", date(2026, 10, 1))]


def test_a_silent_quarter_has_no_value_and_says_so() -> None:
    mine = pl.DataFrame(
        {
            "site": ["a", "a"],
            "x": [date(2026, 1, 1), date(2026, 10, 1)],
            "events": [3, 2],
            "n": [20, 20],
            "state": ["data", "data"],
            "reason": [None, None],
        },
        schema_overrides={"reason": pl.String},
    )
    with asking_nobody(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(charting, "_today", lambda: date(2027, 1, 5))
        filled = charting._filled(mine, [date(2026, 5, 1)])
    assert filled["n"].to_list() == [20, None, 0, 20]
    assert filled["state"][1] == "not_reported"


def test_the_period_shown_does_not_move_the_limits(demo: Demo) -> None:
    with demo.asked_by(LEAD) as filters:
        whole = _strips.charts(LEAD, filters)
        part = _strips.charts(LEAD, replace(filters, start="2025-01", end="2025-12"))
    kept = points(whole, "manzanera").filter(pl.col("x").dt.year() == 2025)
    assert kept.height > 0
    assert points(part, "manzanera").equals(kept)


@pytest.mark.parametrize("viewer", [LEAD, PUBLIC, SITE, REGION], ids=str)
@pytest.mark.parametrize(
    "asked_for",
    [
        Filters(start="2001-01", end="2001-02"),
        Filters(product=("nk-expanded",)),
        Filters(site=("vesuvina",)),
        Filters(site=("elbmarsch",)),
        Filters(definition="late_failure", extra={"chart": "t", "rules": "nelson"}),
        Filters(definition="any", extra={"chart": "laney"}),
        Filters(extra={"chart": "no-such", "rules": "no-such"}),
    ],
    ids=str,
)
def test_every_card_is_whole_whatever_is_asked_for(
    demo: Demo, viewer: Viewer, asked_for: Filters
) -> None:
    for each in over_time.CARDS:
        with demo.asked_by(viewer):
            shown = card.render(each, viewer, asked_for)
            frame = each.frame(viewer, asked_for)
            said = each.sentence(frame)
        assert "could not be made" not in str(shown)
        assert not re.search(r"\b(nan|None|inf)\b", said.replace("None of", ""))
        floats = frame.select(pl.selectors.float())
        assert all(series.is_finite().all() for series in floats)


@pytest.mark.parametrize("viewer", [LEAD, SITE, REGION, PUBLIC], ids=str)
def test_every_row_of_every_card_has_a_state(demo: Demo, viewer: Viewer) -> None:
    with demo.asked_by(viewer) as filters:
        for made in over_time.CARDS:
            frame = made.frame(viewer, filters)
            assert {"state", "reason"} <= set(frame.columns), made.id
            assert frame["state"].null_count() == 0
