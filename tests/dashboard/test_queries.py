import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
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
    "left_out": lambda v, f: [str(queries.left_out(v, Filters(start="2024-02")))],
    "limits_in_use": lambda v, f: queries.limits_in_use(
        v, "car-t-cd19", of_cd19().criteria
    ),
    "listed_lots": queries.listed_lots,
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
    "slots_to_come": queries.slots_to_come,
    "source_errors": queries.source_errors,
    "tests_run": queries.tests_run,
    "usual_tests": lambda v, f: queries.usual_tests(v),
    "weekly_sites": queries.weekly_sites,
}
# The network's own: its rules, products, runs, published cohorts and snapshots.
THE_SAME_FOR_ALL = {
    "ACTIONS", "DRAFT_COUNTS", "Draft", "LeftOut", "Lot", "OWN_SPECIFICATION", "POOLS",
    "REPLAY_COUNTS", "Under", "NoSnapshotError", "OtherVersionError", "Snapshot",
    "Sharing", "Standing", "about", "agreed_completeness", "agreed_silence",
    "agreed_when", "answering_from", "answering_from_one", "audience_rule", "cohorts",
    "current", "last_year", "marks", "previous", "products", "remembered", "runs",
    "sharing", "signing", "standing", "take_turns", "under_todays_rules",
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
    "asking_peers", "behind", "draft_quantiles", "headings", "late", "left_out",
    "limits_in_use", "lot_asked", "named_peers", "on_the_list", "published_steps",
    "recorded", "region_of", "sequence", "silent_months", "sites", "slots_to_come",
    "usual_tests", "weekly_sites",
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


Told = Callable[[Viewer, str], Any]


@pytest.fixture(scope="module")
def told(demo: Demo) -> Told:
    """What each question answers a viewer who filters nothing; asked once."""

    @cache
    def asked(viewer: Viewer, name: str) -> Any:
        with demo.asked_by(viewer) as filters:
            return ASKED[name](viewer, filters)

    return asked


def words(answer: Any) -> str:
    """All that an answer says, but the pseudonyms of batches."""
    frame = pl.DataFrame({"heading": answer}) if isinstance(answer, list) else answer
    return json.dumps(frame.to_dicts(), default=str, ensure_ascii=False)


def test_every_question_is_asked_here() -> None:
    assert set(queries.__all__) == set(ASKED) | THE_SAME_FOR_ALL


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
@pytest.mark.parametrize("name", ASKED)
def test_nobody_is_shown_a_site_that_it_may_not_see_by_name(
    told: Told, recount: Recount, name: str, viewer: Viewer
) -> None:
    said = words(told(viewer, name))
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
    told: Told, role: Any
) -> None:
    def asked(viewer: Viewer, name: str) -> str:
        return words(told(viewer, name))

    mine = ARRIVED if role == "data_manager" else set()
    others = {name: asked(Viewer(role), name) for name in set(ASKED) - mine}
    assert {n for n, said in others.items() if said != asked(PUBLIC, n)} == set()
    as_lead = {name: asked(Viewer(role), name) for name in mine}
    assert {n for n, said in as_lead.items() if said != asked(LEAD, n)} == set()


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
@pytest.mark.parametrize("name", sorted(set(ASKED) - ROWS))
def test_every_row_says_its_state_and_hides_all_counts_that_it_says_it_hides(
    told: Told, name: str, viewer: Viewer
) -> None:
    frame = told(viewer, name)
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


@pytest.fixture(scope="module")
def unrounded(
    demo: Demo, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Viewer], Any]:
    """The made-up network under rules that round for nobody."""
    folder = tmp_path_factory.mktemp("unrounded")
    path = folder / "snapshots" / "7.duckdb"
    republished(demo, path, {"public": {"threshold": 5, "rounding": 1}})

    def ask(viewer: Viewer) -> Any:
        about = queries.about(path.parent, viewer)
        journal = Journal(folder / "journal.sqlite")
        return asking(Request(viewer, path.parent, journal, about))

    return ask


LINE = ("product", "pathway")


def block_by_block(
    ask: Callable[[Viewer], Any], viewer: Viewer, by: tuple[str, ...] = ()
) -> pl.DataFrame:
    """All that a viewer is told of batches without a product, as fine as it goes."""
    with ask(viewer):
        found = queries.counts(viewer, Filters(), BOTH, (*by, *LINE, "quarter"))
    return found.filter(pl.col("state") == "data")


def test_no_block_of_a_pool_is_small_whoever_subtracts_itself_from_it(
    demo: Demo, recount: Recount, unrounded: Callable[[Viewer], Any]
) -> None:
    told = block_by_block(unrounded, PUBLIC)
    assert told.height > 40
    long = 0
    for row in told.to_dicts():
        own: dict[str, int] = {}
        failed: dict[str, int] = {}
        for batch in recount.counted:
            if all(batch[k] == row[k] for k in LINE) and (
                row["quarter"] <= batch["started"] < row["until"]
            ):
                known = batch["no_product"] is not None
                own[batch["site"]] = own.get(batch["site"], 0) + known
                bad = batch["no_product"] is True
                failed[batch["site"]] = failed.get(batch["site"], 0) + bad
        assert row["no_product_of"] == sum(own.values())
        assert row["no_product"] == sum(failed.values())
        makers = {site for site, n in own.items() if n}
        for mine in makers:
            rest = row["no_product_of"] - own[mine]
            lost = row["no_product"] - failed[mine]
            assert rest >= 5
            assert len(makers - {mine}) >= disclosure.FEWEST_POOLED
            assert lost == 0 or lost >= 5
            assert rest - lost == 0 or rest - lost >= 5
        long += (row["until"] - row["quarter"]).days > 92
    assert long


@pytest.mark.parametrize("viewer", [AUTHORITY, SITE, Viewer("site", site="manzanera")])
def test_accounts_are_told_the_same_blocks_so_that_a_difference_is_their_own(
    unrounded: Callable[[Viewer], Any], viewer: Viewer
) -> None:
    every = block_by_block(unrounded, PUBLIC)
    whole = block_by_block(unrounded, viewer)
    assert whole.sort(pl.all()).equals(every.sort(pl.all()))
    pools = block_by_block(unrounded, viewer, ("site",)).filter(
        pl.col("site").is_in([*queries.POOLS])
    )
    keys = [*LINE, "quarter", "until"]
    assert pools.select(keys).sort(pl.all()).equals(every.select(keys).sort(pl.all()))
    with unrounded(viewer):
        own = queries.counts(viewer, Filters(), BOTH, ("site", *LINE, "quarter"))
    own = own.filter(~pl.col("site").is_in([*queries.POOLS]))
    both = every.join(pools, on=keys, suffix="_rest")
    for row in both.to_dicts():
        mine = own.filter(
            *(pl.col(k) == row[k] for k in LINE),
            pl.col("quarter").is_between(row["quarter"], row["until"], closed="left"),
        )
        for column in BOTH:
            assert row[column] - row[f"{column}_rest"] == mine[column].sum()


# That a site is told of the same blocks is shown above.
@pytest.mark.parametrize(
    "viewer", [PUBLIC, pytest.param(SITE, marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize(
    "asked",
    [
        {"start": "2023-02", "end": "2025-08"},
        {"start": "2024-04", "end": "2024-06", "product": ("car-t-cd19",)},
        {"start": "2024-04", "end": "2024-05", "product": ("car-t-cd19",)},
        {"product": ("msc-adipose",)},
        {"product_class": ("msc",)},
        {"end": "2022-12", "pathway": ("hospital_exemption",)},
    ],
    ids=str,
)
@pytest.mark.parametrize("by", [(), ("product",), ("month",), ("year",)], ids=str)
def test_every_answer_is_a_sum_of_the_same_blocks(
    demo: Demo, unrounded: Callable[[Viewer], Any], viewer: Viewer, by: Any, asked: Any
) -> None:
    def inside(row: dict[str, Any]) -> bool:
        start, end = asked.get("start", "1900-01"), asked.get("end", "2100-01")
        last = row["until"].replace(day=1)
        months = (last.year * 12 + last.month - 2, end)
        return (
            f"{row['quarter']:%Y-%m}" >= start
            and f"{months[0] // 12}-{months[0] % 12 + 1:02}" <= end
            and all(row[k] in asked[k] for k in LINE if k in asked)
        )

    blocks = block_by_block(unrounded, PUBLIC).to_dicts()
    if "product_class" in asked:
        # The class's lines are told together, and by no line of their own.
        blocks = []
    with unrounded(viewer):
        found = queries.counts(viewer, Filters(**asked), BOTH, by)
        (whole,) = queries.counts(viewer, Filters(**asked), BOTH, ()).to_dicts()
    told = found.filter(pl.col("state") == "data")
    kept = [row for row in blocks if inside(row)]
    if by and "product_class" not in asked:
        assert told["no_product_of"].sum() >= sum(r["no_product_of"] for r in kept)
    if by == ("product",):
        for row in told.to_dicts():
            mine = [r for r in kept if r["product"] == row["product"]]
            for column in BOTH:
                assert row[column] == sum(r[column] for r in mine)
    for column in BOTH:
        if by in (("month",), ("year",)):
            assert told[column].sum() == (whole[column] or 0)


def test_small_is_judged_before_it_is_rounded(
    demo: Demo, unrounded: Callable[[Viewer], Any]
) -> None:
    true = block_by_block(unrounded, PUBLIC)
    told = block_by_block(lambda viewer: demo.asked_by(viewer), PUBLIC)
    keys = [*LINE, "quarter", "until"]
    both = true.join(told, on=keys, suffix="_told")
    assert both.height == true.height == told.height
    for column in BOTH:
        away = (both[column] - both[f"{column}_told"]).abs()
        assert (away <= 2.5).all()
        assert (both[f"{column}_told"] % 5 == 0).all()
    assert (both["no_product_told"] <= both["no_product_of_told"]).all()


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


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("slot_use", ["used", "staffed", "theoretical"]),
        ("slots_lost", ["lost"]),
        ("narrowest", ["told", "narrowest"]),
    ],
)
def test_of_a_pool_of_few_sites_nothing_is_told_of_slots(
    demo: Demo, tmp_path: Path, name: str, figures: list[str]
) -> None:
    """Not even what is nobody's treatment, whether or not a page would show it."""
    path = tmp_path / "snapshots" / "7.duckdb"
    republished(demo, path)
    some = "(select site from capacity where used > 0 group by site order by site"
    with duckdb.connect(path) as database:
        for table in ("capacity", "loss"):
            database.execute(f"delete from {table} where site not in {some} limit 3)")
    journal = Journal(tmp_path / "journal.sqlite")
    about = queries.about(path.parent, PUBLIC)
    with asking(Request(PUBLIC, path.parent, journal, about)):
        told = getattr(queries, name)(PUBLIC, Filters())
    held = told.filter(pl.col("state") == "suppressed")
    assert held.height
    assert not held.select(
        pl.any_horizontal(pl.col(figures).is_not_null()).any()
    ).item()


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


def test_a_list_that_is_cut_short_is_the_head_of_the_whole(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Filters(site=("manzanera", "turiana", "neckarau"), start="2024-01")
    asked = [
        (ask, viewer, filters)
        for ask in (queries.open_actions, queries.discordances, queries.findings)
        for viewer in (LEAD, SITE)
        for filters in (Filters(), chosen)
    ]

    def listed(question: tuple[Any, Viewer, Filters]) -> pl.DataFrame:
        ask, viewer, filters = question
        with demo.asked_by(viewer):
            answer: pl.DataFrame = ask(viewer, filters)
            return answer

    whole = [listed(question) for question in asked]
    for ask, most in ((queries.open_actions, "MOST_ACTIONS"),
                      (queries.findings, "MOST_ROWS")):  # fmt: skip
        monkeypatch.setattr(sys.modules[ask.__module__], most, 2)
    for question, rows in zip(asked, whole, strict=True):
        assert listed(question).equals(rows.head(2))
    cut = {ask for (ask, *_), rows in zip(asked, whole, strict=True) if len(rows) > 2}
    assert {queries.open_actions, queries.discordances} <= cut
