import asyncio
import json
from pathlib import Path
from typing import Any

import fastexcel
import httpx
import polars as pl
import pytest
from fastapi import FastAPI

from dashboard import card, queries, recalls
from dashboard.attention import attention
from dashboard.export import csv
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.pages import _recall, batch, tracing
from dashboard.proposals import NotWrittenError
from dashboard.queries import Lot
from dashboard.viewer import Request, Viewer, asking
from etl.marts import statements
from tests.dashboard.recounting import Recount
from tests.demo import LEAD, PUBLIC, Demo

BAD = Lot("vector", "vectoria", "LV9317")
USERS = ("garonnette", "isarwinkel", "turiana")
OUTSIDER = Viewer("site", site="manzanera")
VIEWERS = [LEAD, Viewer("site", site="turiana"), OUTSIDER,
           Viewer("authority", region="ES52"), PUBLIC]  # fmt: skip


def asked(lot: Lot = BAD, **more: str) -> Filters:
    named = {"kind": lot.kind, "supplier": lot.supplier, "lot": lot.number}
    return Filters(extra={**named, **more})


@pytest.fixture
def written(demo: Demo, tmp_path: Path) -> Any:
    """Asks with a journal of its own, so that what is agreed stays in the test."""
    journal = Journal(tmp_path / "journal.sqlite")

    def ask(viewer: Viewer) -> Any:
        about = queries.about(demo.snapshots, viewer)
        return asking(Request(viewer, demo.snapshots, journal, about))

    ask.journal = journal  # type: ignore[attr-defined]
    return ask


def drawn(world: Any) -> set[tuple[str, str]]:
    """Site and own number of every batch that the generator gave the bad lot to."""
    rows = world.frame("material").filter(lot=BAD.number, supplier=BAD.supplier)
    return set(rows.select("site", "batch").iter_rows())


def test_the_recall_list_of_the_bad_lot_is_exactly_the_planted_one(
    demo: Demo, world: Any
) -> None:
    from etl.demo.entries import KEY_ID
    from etl.pseudonym import pseudonym

    planted = {
        (site, pseudonym(number, site, world.by_slug[site].key, KEY_ID))
        for site, number in drawn(world)
    }
    with demo.asked_by(LEAD):
        frame = _recall.listed(LEAD, asked())
    found = frame.select("site", "batch").rows()
    assert len(found) == len(set(found)) == len(planted) > 50
    assert set(found) == planted
    assert {site for site, _ in found} == set(USERS)


@pytest.mark.parametrize(
    "spelt", ["LV9317", "lv-9317", " lv 9317 ", "L.V/93_17", "lV–9317"]
)
def test_a_lot_is_found_however_it_is_written(demo: Demo, spelt: str) -> None:
    with demo.asked_by(LEAD):
        whole = queries.recall(LEAD, asked())
        frame = queries.recall(LEAD, Filters(extra={"lot": spelt}))
    assert frame.equals(whole)


def test_a_number_that_two_suppliers_share_names_both_and_each_alone(
    demo: Demo,
) -> None:
    numbers = demo.rows(
        "select lot from material group by lot having count(distinct supplier) = 2"
        " order by count(*) desc, lot limit 1"
    )
    number = numbers["lot"][0]
    with demo.asked_by(LEAD):
        both = queries.lot_asked(LEAD, Filters(extra={"lot": number}))
        frames = [queries.recall(LEAD, asked(lot)) for lot in both]
        whole = queries.recall(LEAD, Filters(extra={"lot": number}))
        said = _recall._said(whole)
    assert {lot.supplier for lot in both} == {"vectoria", "lentipro"}
    assert sum(frame.height for frame in frames) == whole.height
    assert all(set(f["supplier"]) == {lot.supplier} for f, lot in zip(
        frames, both, strict=True))  # fmt: skip
    assert "names 2 lots" in said


def test_no_filter_of_period_or_product_shortens_a_recall_list(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        whole = queries.recall(LEAD, asked())
        narrow = Filters(
            start="2026-11", product=("msc-bm",), pathway=("validation",),
            extra=asked().extra,
        )  # fmt: skip
        assert queries.recall(LEAD, narrow).equals(whole)
        one = queries.recall(LEAD, Filters(site=("turiana",), extra=asked().extra))
    assert set(one["site"]) == {"turiana"}


def test_a_batch_of_which_only_the_lot_was_sent_is_on_the_list(
    demo: Demo, tmp_path: Path
) -> None:
    from tests.dashboard.pages.altered import altered

    stray = altered(
        demo, tmp_path, "insert into material (site, batch, kind, supplier, lot) values"
        " ('turiana', 'k1-00000000000000aa', 'vector', 'vectoria', 'LV9317')",
        "drop table lot_batch", dict(statements())["26_lot_batch.sql"],
    )  # fmt: skip
    with stray.asked_by(LEAD):
        frame = _recall.listed(LEAD, asked())
    row = frame.row(by_predicate=pl.col("batch") == "k1-00000000000000aa", named=True)
    assert (row["stands"], row["record"]) == ("never sent", None)


def test_what_became_of_each_batch_is_a_recount(demo: Demo, recount: Recount) -> None:
    fates = {(r["site"], r["batch"]): r for r in recount.batches}
    with demo.asked_by(LEAD):
        frame = _recall.listed(LEAD, asked())
    for row in frame.iter_rows(named=True):
        fate = fates[row["site"], row["batch"]]
        if fate["infused"]:
            wanted = "infused"
        elif fate["in_process"]:
            wanted = "in process"
        elif fate["no_product"]:
            wanted = "gave no product"
        else:
            wanted = "released, " + ("never" if fate["ended"] else "not") + " infused"
        assert row["stands"] == wanted


def test_lots_are_counted_again_by_site(demo: Demo, recount: Recount) -> None:
    fates = {(r["site"], r["batch"]): r for r in recount.batches}
    wanted: dict[tuple[str, ...], list[set[str]]] = {}
    for row in recount.table("material"):
        fate = fates.get((row["site"], row["batch"]))
        sets = wanted.setdefault(
            (row["kind"], row["supplier"], row["lot"], row["site"]),
            [set(), set(), set()],
        )
        sets[0].add(row["batch"])
        if fate and not fate["in_process"]:
            sets[1].add(row["batch"])
        if fate and fate["no_product"]:
            sets[2].add(row["batch"])
    with demo.asked_by(LEAD):
        frame = queries.lots(LEAD, Filters())
    columns = ("kind", "supplier", "lot", "site", "used", "ended", "failed")
    shown = {tuple(r[:4]): list(r[4:]) for r in frame.select(columns).iter_rows()}
    assert shown == {key: [len(s) for s in sets] for key, sets in wanted.items()}


# ---- attacks ---------------------------------------------------------------------


def harvest(viewer: Viewer, filters: Filters) -> str:
    """All that the cards, their CSV, and what stands around them say to a viewer."""
    page = [tracing._top(viewer, filters), tracing._foot(viewer, filters),
            batch._facts(viewer, filters)]  # fmt: skip
    texts = [json.dumps(part.to_plotly_json(), default=plain) for part in page]
    for each in (c for c in card.every().values() if c.id in CARDS):
        frame = each.frame(viewer, filters)
        texts += [each.sentence(frame), csv(frame)]
    return "\n".join(texts)


CARDS = {"recall-list", "lots", "batch-record", "batch-corrections"}


def plain(part: Any) -> Any:
    return part.to_plotly_json() if hasattr(part, "to_plotly_json") else str(part)


def allowed(viewer: Viewer, recount: Recount) -> set[str]:
    if viewer.role == "lead":
        return set(recount.sites)
    return {viewer.site} if viewer.role == "site" else set()  # type: ignore[arg-type]


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_nobody_harvests_a_batch_or_a_lot_of_another_site(
    demo: Demo, recount: Recount, viewer: Viewer
) -> None:
    mine = allowed(viewer, recount)
    named = {
        slug for slug, site in recount.sites.items()
        if slug in mine or site["region"] == viewer.region
    }  # fmt: skip
    foreign = {r["batch"] for r in recount.batches if r["site"] not in mine}
    theirs = {r["lot"] for r in recount.table("material")}
    theirs -= {r["lot"] for r in recount.table("material") if r["site"] in named}
    said = ""
    with demo.asked_by(viewer):
        said += harvest(viewer, Filters())
        for lot in (BAD, Lot("medium", "biomedia", "MD263")):
            # What was asked for stands in the search field, whoever used it.
            said += harvest(viewer, asked(lot)).replace(lot.number, "")
        for site in ("turiana", "manzanera"):
            number = next(r["batch"] for r in recount.batches if r["site"] == site)
            asking_of = Filters(extra={"of": site, "batch": number})
            told = harvest(viewer, asking_of)
            said += told.replace(number, "") if site not in mine else told
    words = set(said.replace('"', " ").replace(",", " ").replace("=", " ").split())
    words |= {word.strip("\\n") for word in said.replace("\\n", " ").split(",")}
    assert not foreign & words
    assert not theirs & words
    for slug, site in recount.sites.items():
        if slug not in named:
            assert slug not in words
            assert site["name"] not in said


@pytest.mark.parametrize("viewer", VIEWERS[1:], ids=str)
def test_a_lot_of_others_and_a_lot_of_nobody_are_one_answer(
    demo: Demo, recount: Recount, viewer: Viewer
) -> None:
    used = {(r["kind"], r["supplier"], r["lot"]) for r in recount.table("material")
            if r["site"] == viewer.site
            or recount.sites[r["site"]]["region"] == viewer.region}  # fmt: skip
    others = sorted({(r["kind"], r["supplier"], r["lot"])
                     for r in recount.table("material")} - used)  # fmt: skip
    mine = {number for *_, number in used}
    others = [lot for lot in others if lot[-1] not in mine]
    answers = set()
    with demo.asked_by(viewer):
        for kind, supplier, number in (others[0], others[-1], ("vector", "x", "Q1")):
            told = harvest(viewer, asked(Lot(kind, supplier, number)))
            answers.add(told.replace(number, "…").replace(supplier, "…"))
            told = harvest(viewer, Filters(extra={"lot": number}))
            answers.add(told.replace(number, "…"))
    assert len(answers) <= 2


@pytest.mark.parametrize("viewer", VIEWERS[1:], ids=str)
def test_a_batch_of_others_and_a_batch_of_nobody_are_one_answer(
    demo: Demo, recount: Recount, viewer: Viewer
) -> None:
    answers = set()
    with demo.asked_by(viewer):
        for site in ("maasduin", "nowhere"):
            for number in (
                next((r["batch"] for r in recount.batches if r["site"] == site), "-"),
                "k1-0000000000000000",
            ):
                one = Filters(extra={"of": site, "batch": number})
                answers.add(harvest(viewer, one))
    assert len(answers) == 1


def test_a_user_of_the_lot_sees_its_own_batches_and_not_that_there_are_others(
    demo: Demo, recount: Recount
) -> None:
    whole = recount.table("material")
    for site in USERS:
        viewer = Viewer("site", site=site)
        own = {r["batch"] for r in whole if r["lot"] == BAD.number
               and r["site"] == site}  # fmt: skip
        with demo.asked_by(viewer):
            frame = _recall.listed(viewer, asked())
            around = harvest(viewer, asked())
        assert set(frame["batch"]) == own
        total = sum(r["lot"] == BAD.number for r in whole)
        assert f"{total} batch" not in around
        assert "at 1 site:" in around


# ---- agreement -------------------------------------------------------------------


def site(slug: str) -> Viewer:
    return Viewer("site", site=slug)


def say(written: Any, slug: str, agreed: bool, lot: Lot = BAD) -> str:
    with written(site(slug)):
        return recalls.agree(lot, agreed, "the group asked us to")


def knows(written: Any, viewer: Viewer) -> list[str]:
    with written(viewer):
        return [*recalls.named_to(viewer, BAD)]


def test_two_sites_are_named_to_each_other_only_when_both_agreed(written: Any) -> None:
    turiana, garonnette, isarwinkel = map(site, ("turiana", "garonnette", "isarwinkel"))
    assert knows(written, turiana) == []
    say(written, "turiana", True)
    assert [knows(written, v) for v in (turiana, garonnette, isarwinkel)] == [[]] * 3
    say(written, "garonnette", True)
    assert knows(written, turiana) == ["garonnette"]
    assert knows(written, garonnette) == ["turiana"]
    assert knows(written, isarwinkel) == []
    say(written, "garonnette", False)
    assert [knows(written, v) for v in (turiana, garonnette)] == [[], []]


def test_before_both_agreed_a_site_is_told_the_same_whether_others_agreed_or_not(
    written: Any,
) -> None:
    def told(slug: str) -> str:
        with written(site(slug)):
            parts = _recall.others(site(slug), BAD)
            return json.dumps([p.to_plotly_json() for p in parts], default=plain)

    before = told("isarwinkel")
    say(written, "turiana", True)
    say(written, "garonnette", True)
    assert told("isarwinkel") == before
    assert "turiana" not in told("isarwinkel").lower()
    assert "Garonnette" in told("turiana")


def test_the_lead_knows_the_list_and_who_agreed_and_others_know_nothing(
    written: Any,
) -> None:
    say(written, "turiana", True)
    assert knows(written, LEAD) == list(USERS)
    for viewer in (PUBLIC, Viewer("authority", region="ES52"), OUTSIDER):
        assert knows(written, viewer) == []
    with written(LEAD):
        (said,) = _recall.others(LEAD, BAD)
        assert "Agreed to be named to each other: Hospital Turiana" in str(said)


@pytest.mark.parametrize(
    "viewer", [LEAD, PUBLIC, OUTSIDER, Viewer("authority", region="ES52")], ids=str
)
def test_nobody_agrees_for_a_site_that_is_not_on_the_list(
    written: Any, viewer: Viewer
) -> None:
    answers = set()
    with written(viewer):
        for lot in (BAD, Lot("vector", "vectoria", "NOSUCH1")):
            with pytest.raises(NotWrittenError) as refused:
                recalls.agree(lot, True, "to look who else is on it")
            answers.add(str(refused.value))
    assert answers == {recalls.UNKNOWN}
    assert written.journal.read(kind=recalls.KIND) == ()


def test_an_agreement_is_in_the_journal_with_who_and_why(written: Any) -> None:
    say(written, "turiana", True)
    say(written, "turiana", False)
    first, second = written.journal.read(kind="recall")
    assert (first.who, first.body["agreed"], second.body["agreed"]) == (
        "site:turiana", True, False)  # fmt: skip
    assert first.why == "the group asked us to"
    with written(site("turiana")), pytest.raises(NotWrittenError, match="Say why"):
        recalls.agree(BAD, True, "  ")


def test_the_form_says_what_was_written_and_who_is_known_now(written: Any) -> None:
    say(written, "garonnette", True)
    with written(site("turiana")):
        said, known, left = _recall.answer(BAD, True, "a shared lot")
        assert "in the journal" in str(said)
        assert "Garonnette" in str(known)
        assert left == ""
        refused, _, kept = _recall.answer(BAD, True, "")
    assert "Nothing was written" in str(refused)
    assert kept == ""
    with written(OUTSIDER):
        refused, known, _ = _recall.answer(BAD, True, "curious")
        assert (recalls.UNKNOWN in str(refused), known) == (True, [])


# ---- the list to take along ------------------------------------------------------


def book(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    read = fastexcel.read_excel(content)
    return {n: read.load_sheet(n).to_polars().rows() for n in read.sheet_names}


def test_a_site_s_workbook_holds_its_own_batches_and_names_no_other(
    written: Any, recount: Recount
) -> None:
    whole = recount.table("material")
    for slug in USERS:
        own = {r["batch"] for r in whole if r["lot"] == BAD.number
               and r["site"] == slug}  # fmt: skip
        for viewer in (LEAD, site(slug)):
            with written(viewer):
                told = book(recalls.workbook(slug, BAD))
            assert {row[0] for row in told["Recall list"]} == own
            for other in set(recount.sites) - {slug}:
                assert recount.sites[other]["name"] not in str(told)


def test_a_workbook_names_those_that_both_agreed(written: Any) -> None:
    say(written, "turiana", True)
    say(written, "garonnette", True)
    with written(LEAD):
        told = {s: str(book(recalls.workbook(s, BAD))["About"]) for s in USERS}
    assert "Garonnette" in told["turiana"]
    assert "Turiana" in told["garonnette"]
    assert "none named" in told["isarwinkel"]


SERVER = FastAPI()
SERVER.include_router(recalls.router)


def got(path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        way = httpx.ASGITransport(app=SERVER)
        async with httpx.AsyncClient(transport=way, base_url="http://here") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_a_list_that_is_forbidden_and_one_that_is_not_there_are_one_answer(
    written: Any, viewer: Viewer
) -> None:
    with written(viewer):
        for slug in USERS:
            answer = got(f"/api/v1/recalls/{slug}.xlsx?{BAD.query}")
            may = viewer.role == "lead" or viewer.site == slug
            assert answer.status_code == (200 if may else 404)
            none = got(f"/api/v1/recalls/{slug}.xlsx?{BAD.query}1")
            nowhere = got(f"/api/v1/recalls/nowhere.xlsx?{BAD.query}")
            assert none.text == nowhere.text
            assert may or answer.text == none.text


def test_the_listed_lot_on_the_overview_leads_to_its_recall_list(demo: Demo) -> None:
    for viewer in (LEAD, site("turiana")):
        with demo.asked_by(viewer):
            lots = attention(viewer, Filters()).filter(kind="lot")
        assert lots["page"].to_list() == [f"/tracing?{BAD.query}"]


# ---- the batch's own record ------------------------------------------------------


def test_a_record_holds_every_row_about_the_batch_with_its_run(
    demo: Demo, recount: Recount
) -> None:
    (number,) = demo.rows(
        "select d.batch from deviation as d join material as m on d.site = m.site"
        " and d.batch = m.batch where d.site = 'havelmark' and d.capa_closed is not"
        " null group by all order by count(*) desc, d.batch limit 1"
    )["batch"]
    one = Filters(extra={"of": "havelmark", "batch": number})
    with demo.asked_by(LEAD):
        frame = batch.record(LEAD, one)
        said = batch._record_said(frame)
    counts = dict(frame["label"].value_counts().iter_rows())
    mine = [r for table in ("result", "material", "release")
            for r in recount.table(table)
            if (r["site"], r["batch"]) == ("havelmark", number)]  # fmt: skip
    told = counts["Results"] + counts["Materials"] + counts["Decisions"]
    assert told == len(mine)
    assert counts["Deviations"] >= 3
    assert set(frame["run"]) == {1}
    assert "brought by 1 run" in said
    senders = set(frame.filter(label="Results")["sender"])
    assert senders == {"havelmark", "elbmarsch"}
    lots = frame.filter(label="Materials")["list"].drop_nulls()
    assert all(link.startswith("/tracing?kind=") for link in lots)
