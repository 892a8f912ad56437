from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import fastexcel
import polars as pl
import pytest

from dashboard import drafts, minutes, proposals, queries
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.pages import _draft_compared
from dashboard.pages._drafting import drafting, start_name
from dashboard.proposals import Drafted, NotWrittenError, Proposal
from dashboard.viewer import Request, Viewer, asking
from dashboard.workbook import workbook
from tests.demo import LEAD, PUBLIC, Demo

CD19 = Filters(product=("car-t-cd19",))
SITE = Viewer("site", site="manzanera")
OTHER = Viewer("site", site="rhodanie")
AUTHORITY = Viewer("authority", region="ES30")
GIVEN = {
    "name": "Common CAR-T",
    "version": "1",
    "author": '=HYPERLINK("http://example.org")',
    "rationale": "@one limit for all; Łódź agrees: ≥ 88 %",
    "effective": "2027-01-31",
}


class Room:
    """A journal of its own, in which several viewers read and write."""

    def __init__(self, demo: Demo, path: Path) -> None:
        self._demo, self._journal = demo, Journal(path)

    @contextmanager
    def entered_by(self, viewer: Viewer) -> Iterator[None]:
        about = queries.about(self._demo.snapshots, viewer)
        with asking(Request(viewer, self._demo.snapshots, self._journal, about)):
            yield

    def propose(self, viewer: Viewer, limits: str, **given: str) -> int:
        with self.entered_by(viewer):
            base = given.pop("base", "")
            found = drafting(viewer, CD19.option("limits", limits).option("base", base))
            assert found is not None
            drafted = Drafted(
                found.product,
                found.base,
                start_name(found.base),
                found.draft.start.criteria,
                found.draft.after.criteria,
            )
            return proposals.propose(drafted, {**GIVEN, **given})

    def read(self, viewer: Viewer, number: int) -> Proposal | None:
        with self.entered_by(viewer):
            return proposals.proposal(viewer, str(number))

    def vote(self, viewer: Viewer, number: int, choice: str, why: str) -> str:
        with self.entered_by(viewer):
            return proposals.vote(str(number), choice, why)


@pytest.fixture
def room(demo: Demo, tmp_path: Path) -> Room:
    return Room(demo, tmp_path / "journal.sqlite")


def test_a_proposal_is_read_again_as_it_was_saved(room: Room) -> None:
    number = room.propose(LEAD, "viability:88")
    found = room.read(LEAD, number)
    assert found is not None
    assert (found.title, found.effective) == (
        "Common CAR-T, version 1",
        date(2027, 1, 31),
    )
    changed = proposals.differences(found.before, found.after).filter("changed")
    assert changed["test"].to_list() == ["viability"]
    assert "88" in changed["after"][0] and "80" in changed["before"][0]


@pytest.mark.parametrize("left_out", GIVEN)
def test_nothing_is_saved_while_something_is_missing(room: Room, left_out: str) -> None:
    with pytest.raises(NotWrittenError, match="Still to be said"):
        room.propose(LEAD, "viability:88", **{left_out: "  "})
    with room.entered_by(LEAD):
        assert proposals.proposals(LEAD) == ()


def test_a_version_is_never_saved_twice_and_a_day_is_a_day(room: Room) -> None:
    room.propose(LEAD, "viability:88")
    with pytest.raises(NotWrittenError, match="next version"):
        room.propose(LEAD, "viability:85", name="common car-t")
    with pytest.raises(NotWrittenError, match="is no day"):
        room.propose(LEAD, "viability:85", effective="31.1.2027")
    assert room.propose(LEAD, "viability:85", version="2")


def test_only_the_lead_and_sites_propose_and_the_public_reads_nothing(
    room: Room,
) -> None:
    with pytest.raises(NotWrittenError, match="Only the network's lead"):
        room.propose(AUTHORITY, "viability:80")
    own = room.propose(SITE, "viability:80")
    common = room.propose(LEAD, "viability:88", version="2")
    with room.entered_by(PUBLIC):
        assert proposals.proposals(PUBLIC) == ()
        assert proposals.proposal(PUBLIC, str(own)) is None
    # What most members ask is not an authority's to read, its region's site is.
    with room.entered_by(AUTHORITY):
        assert [p.number for p in proposals.proposals(AUTHORITY)] == [own]
    assert room.read(OTHER, own) and room.read(OTHER, common)


def test_what_a_member_asks_is_not_told_by_a_proposal_that_starts_from_it(
    room: Room,
) -> None:
    number = room.propose(LEAD, "viability:70", base="rhodanie")
    mine = room.read(SITE, number)
    assert mine is not None
    with room.entered_by(SITE):
        words, before = proposals.compared_with(SITE, mine)
        asked = Filters(extra={"number": str(number)})
        said = _draft_compared.CARDS[0].frame(SITE, asked)
        tables = str(minutes.parts(SITE, mine))
    assert words == "your own specification today"
    assert before is not None and set(before["site"]) == {"manzanera"}
    assert "Rhodanie" not in str(said.rows()) and "Rhodanie" not in tables
    theirs = proposals.differences(mine.before, mine.after)
    (was,) = theirs.filter(pl.col("test") == "viability")["before"]
    assert was not in tables


def test_a_site_votes_for_itself_with_a_reason_and_its_last_vote_counts(
    room: Room,
) -> None:
    number = room.propose(LEAD, "viability:88")
    for who in (LEAD, AUTHORITY, PUBLIC):
        with pytest.raises(NotWrittenError, match="votes for itself"):
            room.vote(who, number, "yes", "because")
    with pytest.raises(NotWrittenError, match="Say why"):
        room.vote(SITE, number, "yes", " ")
    with pytest.raises(NotWrittenError, match="yes, no or abstain"):
        room.vote(SITE, number, "maybe", "because")
    room.vote(SITE, number, "no", "too strict")
    room.vote(SITE, number, "yes", "=cmd|' /C calc'!A0")
    room.vote(OTHER, number, "no", "our reason")
    with room.entered_by(LEAD):
        seen, others = proposals.votes(LEAD, str(number))
        assert [(v.site, v.vote) for v in seen] == [
            ("manzanera", "yes"),
            ("rhodanie", "no"),
        ]
        assert others == ""
    with room.entered_by(SITE):
        seen, others = proposals.votes(SITE, str(number))
        assert [(v.site, v.vote) for v in seen] == [("manzanera", "yes")]
        assert others == "1 more voted; of so few it is not said how."


def test_what_a_site_comments_is_for_the_lead(room: Room) -> None:
    number = str(room.propose(LEAD, "viability:88"))
    for who, text in ((LEAD, "please vote"), (SITE, "mine"), (OTHER, "theirs")):
        with room.entered_by(who):
            proposals.comment(number, text)
            with pytest.raises(NotWrittenError, match="nothing to write"):
                proposals.comment(number, "")
    with room.entered_by(SITE):
        said = [e.body["text"] for e in proposals.comments(SITE, number)]
    assert said == ["please vote", "mine"]
    with room.entered_by(LEAD):
        assert len(proposals.comments(LEAD, number)) == 3


def test_two_proposals_are_laid_beside_each_other_limit_by_limit(room: Room) -> None:
    one = room.propose(LEAD, "viability:85")
    two = room.propose(LEAD, "viability:88,vcn:3", version="2")
    asked = Filters(extra={"number": str(two), "with": str(one)})
    with room.entered_by(LEAD):
        limits, counts = (card.frame(LEAD, asked) for card in _draft_compared.CARDS)
        said = [
            card.sentence(card.frame(LEAD, asked)) for card in _draft_compared.CARDS
        ]
        found = [
            queries.drafted(
                LEAD,
                CD19,
                "car-t-cd19",
                queries.Draft(queries.Under(p.after), queries.Under(p.after)),
            )["after"].sum()
            for p in proposals.proposals(LEAD)
        ]
    assert sorted(limits.filter("changed")["test"]) == ["vcn", "viability"]
    assert [counts["before"].sum(), counts["after"].sum()] == found
    assert "Common CAR-T, version 1" in said[0] and "version 1" in said[1]


def test_the_minutes_hold_limits_counts_and_votes_and_no_formula(room: Room) -> None:
    number = room.propose(LEAD, "viability:88")
    room.vote(SITE, number, "yes", "=cmd|' /C calc'!A0")
    mine = room.read(LEAD, number)
    assert mine is not None
    with room.entered_by(LEAD):
        book = workbook(minutes.parts(LEAD, mine))
        printed = minutes.printed(LEAD, mine)
        counted = queries.drafted(
            LEAD,
            CD19,
            "car-t-cd19",
            queries.Draft(queries.Under(mine.before), queries.Under(mine.after)),
        )
    with ZipFile(BytesIO(book)) as parts:
        sheets = [parts.read(n).decode() for n in parts.namelist() if "sheets/" in n]
    assert not any("<f>" in sheet or "hyperlink" in sheet for sheet in sheets)
    read = fastexcel.read_excel(book)
    assert read.sheet_names == ["Proposal", "Limits", "Batches", "Votes"]
    texts = [
        str(cell)
        for name in read.sheet_names
        for row in read.load_sheet(name).to_polars().rows()
        for cell in row
    ]
    assert not [text for text in texts if text.startswith(("=", "+", "@"))]
    assert "'=cmd|' /C calc'!A0" in texts
    batches = read.load_sheet("Batches").to_polars()
    assert int(batches["Fail after"].sum()) == int(counted["after"].sum())
    assert printed.startswith(b"%PDF-") and len(printed) > 2000


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("Šarić, Ömer, Łódź, Ελένη, Жуков", "Šarić, Ömer, Łódź, Ελένη, Жуков"),
        ("S\u030caric\u0301", "Šarić"),
        ("“≥ 88 %” – 1\u202f000", "“≥ 88 %” – 1\u00a0000"),
        ("上海 Pujiang", "?? Pujiang"),
    ],
)
def test_print_keeps_every_letter_that_its_font_has_and_marks_the_others(
    said: str, printed: str
) -> None:
    assert minutes.fitting(minutes._paper(), said) == printed


def test_a_site_reads_minutes_of_its_own_batches_only(room: Room) -> None:
    number = room.propose(LEAD, "viability:88.5")
    mine = room.read(SITE, number)
    assert mine is not None
    with room.entered_by(SITE):
        (batches,) = (p for p in minutes.parts(SITE, mine) if p.heading == "Batches")
        assert workbook(minutes.parts(SITE, mine)) and minutes.printed(SITE, mine)
    told = {row[0]: row[1] for row in batches.rows}
    assert told["Peers"] is None
    assert told["Hospital Manzanera, Unidad de Terapias Avanzadas"] == 282


def test_the_consensus_is_what_most_ask_and_of_the_members_only(room: Room) -> None:
    with room.entered_by(LEAD):
        found = drafting(LEAD, CD19)
        assert found is not None
        held = found.starts.question.held.filter("member")
    common = drafts.consensus(held)
    (viability,) = (
        common.filter(pl.col("parameter") == "viability", pl.col("status") == "release")
        .select("limit_low")
        .to_series()
    )
    asked = (
        held.filter(pl.col("parameter") == "viability", pl.col("status") == "release")
        .group_by("limit_low", "operator", "population")
        .len()
    )
    assert viability in asked["limit_low"]
    assert common.height < held.height
