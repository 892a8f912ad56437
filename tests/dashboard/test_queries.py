import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters, parse
from dashboard.journal import Journal
from dashboard.metrics import DEFINITIONS
from dashboard.queries import disclosure
from dashboard.viewer import Request, Viewer, asking
from tests.dashboard.recounting import Recount
from tests.dashboard.republishing import republished
from tests.demo import LEAD, PUBLIC, Demo

REGION = "ES51"
AUTHORITY = Viewer("authority", region=REGION)
SITE = Viewer("site", site="vesuvina")
LABORATORY = Viewer("site", site="elbmarsch")
VIEWERS = [LEAD, AUTHORITY, SITE, LABORATORY, PUBLIC]
EACH = [(column, f"{column}_of") for column in (d.column for d in DEFINITIONS.values())]
BOTH = ("no_product", "no_product_of")


def of_cd19() -> queries.Under:
    """One member's specification of the product that most sites make."""
    sql = "from criterion where site = 'manzanera' and product = 'car-t-cd19'"
    return queries.Under(queries.current().rows(sql))


def drafted() -> queries.Draft:
    """That specification with one limit moved."""
    start = of_cd19()
    return queries.Draft(start, queries.Under(stricter(start.criteria)))


def stricter(criteria: pl.DataFrame) -> pl.DataFrame:
    viable = (pl.col("parameter") == "viability") & (pl.col("status") == "release")
    low = pl.when(viable).then(pl.col("limit_low") + 5).otherwise("limit_low")
    return criteria.with_columns(low.alias("limit_low"))


def viability() -> int:
    """Its row of the limit on viability."""
    rows = of_cd19().criteria.with_row_index()
    asked = (pl.col("parameter") == "viability") & (pl.col("status") == "release")
    return int(rows.filter(asked)["index"][0])


def recorded(viewer: Viewer) -> pl.DataFrame:
    """All that a simulation is made of, in one frame."""
    made = queries.recorded(viewer)
    frames = [v for v in vars(made).values() if isinstance(v, pl.DataFrame)]
    return pl.concat([*frames, *made.steps], how="diagonal_relaxed")


# All that used the bad lot agreed to be named to each other; nobody else is on it.
USERS = ("garonnette", "isarwinkel", "turiana")


def of_the_lot() -> Filters:
    """The question about the bad lot."""
    lot = {"kind": "vector", "supplier": "vectoria", "lot": "LV9317"}
    return Filters(extra=lot)


def of_a_batch() -> Filters:
    """The question about one batch of a site that few of the viewers see."""
    sql = "select batch from batch where site = 'manzanera' order by batch limit 1"
    (batch,) = queries.current().rows(sql)["batch"]
    return Filters(extra={"of": "manzanera", "batch": batch})


# Every question that is asked with a viewer and filters; `by` names all its groups.
ASKED: dict[str, Callable[[Viewer, Filters], Any]] = {
    "agreement": lambda v, f: queries.agreement(v, "car-t-cd19", "manzanera"),
    "asking_peers": lambda v, f: [*queries.asking_peers(v)],
    "attempts": lambda v, f: queries.attempts(v, f, ("site", "attempt")),
    "authorisations": queries.authorisations,
    "awaiting_final": queries.awaiting_final,
    "batches": queries.batches,
    "capacity": lambda v, f: queries.capacity(v, f, ("site", "resource", "month")),
    "completeness": queries.completeness,
    "behind": lambda v, f: [queries.behind(v, "Peer 0") or ""],
    "blinded": lambda v, f: queries.blinded(v),
    "causes": lambda v, f: queries.causes(v, f, "car-t-cd19", of_cd19()),
    "certification_days": queries.certification_days,
    "certified": queries.certified,
    "counts": lambda v, f: queries.counts(v, f, BOTH, ("site", "product", "pathway")),
    "criteria": lambda v, f: queries.criteria(v, f),
    "batch_facts": lambda v, f: queries.batch_facts(v, of_a_batch()).with_columns(
        state=pl.lit("data"), reason=pl.lit(None, pl.String)
    ),
    "batch_rows": lambda v, f: queries.batch_rows(v, of_a_batch(), "result"),
    "corrections": lambda v, f: queries.corrections(v, of_a_batch()),
    "deviation_batches": queries.deviation_batches,
    "deviation_days": lambda v, f: queries.deviation_days(v, f, ("site", "closing")),
    "deviations": lambda v, f: queries.deviations(v, f, by=("site", "grade")),
    "discordances": queries.discordances,
    "draft_causes": lambda v, f: queries.draft_causes(v, f, "car-t-cd19", drafted()),
    "draft_limits": lambda v, f: queries.draft_limits(
        v, f, "car-t-cd19", of_cd19(), (viability(), "limit_low"), [70.0, 80.0]
    ),
    "draft_quantiles": lambda v, f: queries.draft_quantiles(
        v, f, "car-t-cd19", of_cd19(), viability()
    ),
    "drafted": lambda v, f: queries.drafted(v, f, "car-t-cd19", drafted()),
    "durations": lambda v, f: queries.durations(v, f, ("site", "step", "product")),
    "events": lambda v, f: queries.events(v, f, ("site", "event", "trial")),
    "failures": queries.failures,
    "findings": queries.findings,
    "first_attempts": queries.first_attempts,
    "headings": queries.headings,
    "issues": queries.issues,
    "laboratory_days": queries.laboratory_days,
    "late": lambda v, f: [*queries.late(v)],
    "limits_in_use": lambda v, f: queries.limits_in_use(
        v, "car-t-cd19", of_cd19().criteria
    ),
    "listed_lots": queries.listed_lots,
    "losses": queries.losses,
    "lot_asked": lambda v, f: [lot.query for lot in queries.lot_asked(v, of_the_lot())],
    "lots": queries.lots,
    "measured": lambda v, f: queries.measured(v, f, "viability"),
    "milestones": queries.milestones,
    "named_peers": lambda v, f: [*queries.named_peers(v)],
    "narrowest": queries.narrowest,
    "nominal_use": queries.nominal_use,
    "on_the_list": lambda v, f: [
        *queries.on_the_list(v, queries.lot_asked(LEAD, of_the_lot())[0], USERS)
    ],
    "open_actions": queries.open_actions,
    "order_days": lambda v, f: queries.order_days(v, f, ("site", "first_attempt")),
    "orders": lambda v, f: queries.orders(v, f, ("site", "attempts")),
    "orders_waiting": queries.orders_waiting,
    "parameters": queries.parameters,
    "products_made": queries.products_made,
    "published_steps": lambda v, f: [*queries.published_steps(v).values()],
    "queue": queries.queue,
    "queue_weekly": queries.queue_weekly,
    "recorded": lambda v, f: recorded(v),
    "recall": lambda v, f: queries.recall(v, of_the_lot()),
    "region_of": lambda v, f: [queries.region_of(v)],
    "rejects": queries.rejects,
    "replayed": lambda v, f: queries.replayed(v, f, "car-t-cd19", {}),
    "reports": queries.reports,
    "ring_trials": queries.ring_trials,
    "row_counts": queries.row_counts,
    "rule_counts": queries.rule_counts,
    "sequence": lambda v, f: queries.sequence(v, f, "no_product"),
    "silent_months": queries.silent_months,
    "sites": queries.sites,
    "slot_starts": lambda v, f: queries.slot_starts(v, f, ("site", "month")),
    "slot_use": lambda v, f: queries.slot_use(v, f, ("site", "month")),
    "slots_ahead": queries.slots_ahead,
    "slots_lost": queries.slots_lost,
    "source_errors": queries.source_errors,
    "tests_run": queries.tests_run,
    "usual_tests": lambda v, f: queries.usual_tests(v),
    "weekly_sites": queries.weekly_sites,
}
# The network's own: its rules, products, runs, published cohorts and snapshots.
THE_SAME_FOR_ALL = {
    "ACTIONS", "DRAFT_COUNTS", "Draft", "Lot", "OWN_SPECIFICATION", "POOLS",
    "REPLAY_COUNTS", "Under", "NoSnapshotError", "OtherVersionError", "Snapshot",
    "Sharing", "Standing", "about", "agreed_completeness", "agreed_silence",
    "answering_from", "audience_rule", "cohorts", "current", "last_year", "previous",
    "products", "runs", "sharing", "signing", "standing", "under_todays_rules",
}  # fmt: skip
COUNTED = {
    "no_product", "no_product_of", "n", "ended", "competing", "censored", "judged",
    "failed", "undetermined", "used", "booked", "waiting", "staffed", "theoretical",
    "lost", "starts", "started", "oldest", "cells", "doses", "events", "provisional",
    "opened", "failed_marked", "sound", "sound_marked",
    "share", "orders", "with_product", "first_ended", "first_failed", "product_made",
    "certified", "failed_given", "mean", "gap", "score", "value", "reference",
}  # fmt: skip
# Names, days, places and limits: nothing is counted in them.
ROWS = {
    "asking_peers", "behind", "draft_quantiles", "headings", "late", "limits_in_use",
    "lot_asked", "named_peers", "on_the_list", "published_steps", "recorded",
    "region_of", "sequence", "silent_months", "sites", "usual_tests", "weekly_sites",
}  # fmt: skip
SEES: dict[Viewer, Callable[[dict[str, Any]], bool]] = {
    LEAD: lambda site: True,
    AUTHORITY: lambda site: site["region"] == REGION,
    SITE: lambda site: site["site"] == SITE.site,
    LABORATORY: lambda site: site["site"] == LABORATORY.site,
    PUBLIC: lambda site: False,
}


def seen(recount: Recount, viewer: Viewer) -> set[str]:
    return {slug for slug, site in recount.sites.items() if SEES[viewer](site)}


def words(answer: Any) -> str:
    """All that an answer says, but the pseudonyms of batches."""
    frame = pl.DataFrame({"heading": answer}) if isinstance(answer, list) else answer
    return json.dumps(frame.to_dicts(), default=str, ensure_ascii=False)


def test_every_question_is_asked_here() -> None:
    assert set(queries.__all__) == set(ASKED) | THE_SAME_FOR_ALL


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
@pytest.mark.parametrize("name", ASKED)
def test_nobody_is_shown_a_site_that_it_may_not_see_by_name(
    demo: Demo, recount: Recount, name: str, viewer: Viewer
) -> None:
    with demo.asked_by(viewer) as filters:
        said = words(ASKED[name](viewer, filters))
    mine = seen(recount, viewer)
    # Whoever sent samples to a laboratory knows it.
    knows = mine.union(*(recount.laboratories[site] for site in mine))
    for slug, site in recount.sites.items():
        if slug not in knows:
            assert f'"{slug}"' not in said
            assert site["name"] not in said


# What a data manager is told of every site: whether and how its rows arrived.
ARRIVED = {
    "completeness", "discordances", "findings", "issues", "rejects", "reports",
    "row_counts", "rule_counts", "source_errors",
}  # fmt: skip


@pytest.mark.parametrize("role", ["data_manager", "auditor"])
def test_a_data_manager_and_an_auditor_are_the_public_in_all_but_their_own(
    demo: Demo, role: Any
) -> None:
    def asked(viewer: Viewer, name: str) -> str:
        with demo.asked_by(viewer) as filters:
            return words(ASKED[name](viewer, filters))

    mine = ARRIVED if role == "data_manager" else set()
    others = {name: asked(Viewer(role), name) for name in set(ASKED) - mine}
    assert {n for n, said in others.items() if said != asked(PUBLIC, n)} == set()
    as_lead = {name: asked(Viewer(role), name) for name in mine}
    assert {n for n, said in as_lead.items() if said != asked(LEAD, n)} == set()


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
@pytest.mark.parametrize("name", sorted(set(ASKED) - ROWS))
def test_every_row_says_its_state_and_hides_all_counts_that_it_says_it_hides(
    demo: Demo, name: str, viewer: Viewer
) -> None:
    with demo.asked_by(viewer) as filters:
        frame = ASKED[name](viewer, filters)
    states = {"data", "zero", "not_reported", "suppressed", "not_applicable"}
    assert set(frame["state"]) <= states
    hidden = frame.filter(pl.col("state") == "suppressed")
    assert hidden["reason"].null_count() == 0
    for column in COUNTED & set(frame.columns):
        assert hidden[column].null_count() == hidden.height, column
    for column, kind in frame.schema.items():
        if kind.is_float():
            assert not frame[column].is_nan().any()


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_choices_and_rows_of_batches_are_of_those_seen_by_name(
    demo: Demo, recount: Recount, viewer: Viewer
) -> None:
    choices = queries.about(demo.snapshots, viewer).choices
    assert {slug for slug, _ in choices.site} == seen(recount, viewer)
    with demo.asked_by(viewer) as filters:
        rows = queries.batches(viewer, filters)
    allowed = seen(recount, viewer) if viewer.role in ("lead", "site") else set()
    assert set(rows["site"]) <= allowed


def test_each_state_appears_where_it_must(demo: Demo) -> None:
    with demo.asked_by(LEAD) as filters:
        every = queries.counts(LEAD, filters, BOTH)
        quiet = queries.queue(LEAD, filters)
        none = queries.counts(LEAD, Filters(product=("msc-bm",)), BOTH)
    states = dict(every.select("site", "state").rows())
    assert states["elbmarsch"] == states["skanelund"] == "not_applicable"
    assert states["manzanera"] == "data"
    assert dict(none.select("site", "state").rows())["manzanera"] == "zero"
    zero = none.filter(pl.col("site") == "manzanera")
    assert zero.select(BOTH).row(0) == (0, 0)
    silent = demo.planted("stopped_reporting")
    assert dict(quiet.select("site", "state").rows())[silent[0]] == "not_reported"
    with demo.asked_by(PUBLIC) as filters:
        months = queries.counts(PUBLIC, filters, BOTH, ("product", "month"))
    assert "suppressed" in set(months["state"])


def test_the_threshold_comes_before_the_rounding(demo: Demo) -> None:
    with demo.asked_by(LEAD) as filters:
        true = queries.counts(LEAD, filters, BOTH, ("product", "month"))
    with demo.asked_by(PUBLIC) as filters:
        told = queries.counts(PUBLIC, filters, BOTH, ("product", "month"))
    both = true.join(told, on=["product", "month"], suffix="_told")
    seen_small = 0
    for row in both.to_dicts():
        counts = [row[c] for c in BOTH]
        shown = [row[f"{c}_told"] for c in BOTH]
        if any(0 < n < 5 for n in counts):
            assert row["state_told"] == "suppressed"
            assert shown == [None, None]
            assert row["reason_told"]
            seen_small += any(n in (3, 4) for n in counts)
        elif row["state_told"] != "suppressed":
            assert all(abs(n - s) <= 2.5 for n, s in zip(counts, shown, strict=True))
            assert all(s % 5 == 0 for s in shown)
    assert seen_small


def test_a_pool_of_fewer_than_five_sites_is_held_back(demo: Demo) -> None:
    with demo.asked_by(LEAD) as filters:
        makers = queries.counts(LEAD, filters, ("started",), ("site", "product"))
    for product, sites in makers.group_by("product"):
        others = set(sites["site"]) - {SITE.site}
        asked = Filters(product=(str(product[0]),))
        with demo.asked_by(SITE):
            frame = queries.counts(SITE, asked, ("started",), ("site", "product"))
            total = queries.counts(SITE, asked, ("started",), ("product",))
        peers = frame.filter(pl.col("site") == "peers")
        few = len(others) < disclosure.FEWEST_POOLED
        assert set(peers["state"]) == {"suppressed" if few else "data"}
        # What is left of a total without one's own row is the pool.
        assert total["started"].null_count() == (1 if few else 0)


@pytest.fixture
def strict(demo: Demo, tmp_path: Path) -> Iterator[Callable[[Viewer], Any]]:
    """The made-up network with a threshold of 20 for every audience but the lead."""
    path = tmp_path / "snapshots" / "7.duckdb"
    republished(demo, path, {role: {"threshold": 20} for role in ("authority", "site")})

    def ask(viewer: Viewer) -> Any:
        about = queries.about(path.parent, viewer)
        journal = Journal(tmp_path / "journal.sqlite")
        return asking(Request(viewer, path.parent, journal, about))

    yield ask


@pytest.mark.parametrize("by", [("month",), ("product",), ("product", "pathway")])
def test_no_count_held_back_is_what_a_total_has_more_than_its_parts(
    strict: Callable[[Viewer], Any], by: tuple[str, ...]
) -> None:
    viewer = Viewer("site", site="manzanera")
    with strict(viewer):
        parts = queries.counts(viewer, Filters(), BOTH, ("site", *by))
        totals = queries.counts(viewer, Filters(), BOTH, by)
    hidden = parts.filter(pl.col("state") == "suppressed")
    assert hidden.height
    joined = totals.join(hidden, on=list(by), suffix="_part", nulls_equal=True)
    assert joined.height == hidden.height
    assert joined["no_product_of"].null_count() == joined.height
    assert set(joined["state"]) == {"suppressed"}


def test_no_filter_changes_who_is_in_a_pool(demo: Demo, recount: Recount) -> None:
    def pools(viewer: Viewer, filters: Filters) -> list[Any]:
        with demo.asked_by(viewer):
            frames = [
                queries.counts(viewer, filters, EACH[0]),
                queries.events(viewer, filters),
                queries.durations(viewer, filters, ("site", "step")),
                queries.slot_use(viewer, filters),
            ]
        kept = [f.filter(pl.col("site").is_in([*queries.POOLS])) for f in frames]
        return [sorted(map(str, f.rows())) for f in kept]

    for viewer in (AUTHORITY, SITE, PUBLIC):
        whole = pools(viewer, Filters())
        assert any(whole)
        for site in ("manzanera", "vesuvina", "no-such-site"):
            assert pools(viewer, Filters(site=(site,))) == whole
        assert pools(viewer, Filters(region=(REGION,))) == whole


@pytest.mark.parametrize("viewer", [AUTHORITY, SITE, PUBLIC], ids=str)
def test_what_is_forbidden_and_what_is_not_there_are_answered_alike(
    demo: Demo, viewer: Viewer
) -> None:
    choices = queries.about(demo.snapshots, viewer).choices
    answers = []
    for slug in ("manzanera", "mansanero"):
        filters, problems = parse({"site": slug}, choices)
        assert filters == Filters()
        answers.append(problems[0].replace(slug, "…"))
    assert answers[0] == answers[1]
    with demo.asked_by(viewer):
        for name in ("criteria", "reports", "sites", "milestones"):
            there = ASKED[name](viewer, Filters(site=("manzanera",)))
            assert there.equals(ASKED[name](viewer, Filters(site=("mansanero",))))


@pytest.mark.parametrize(("failed", "of"), EACH, ids=DEFINITIONS)
def test_months_and_sites_and_products_add_up_to_the_network(
    demo: Demo, failed: str, of: str
) -> None:
    with demo.asked_by(LEAD) as filters:
        (whole,) = queries.counts(LEAD, filters, (failed, of), ()).to_dicts()
        for by in ("month", "quarter", "year", "week", "site", "product", "pathway"):
            parts = queries.counts(LEAD, filters, (failed, of), (by,))
            assert parts[failed].sum() == whole[failed]
            assert parts[of].sum() == whole[of]
