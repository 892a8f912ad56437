"""Pages that are kept as they were made: told to nobody else, and never for longer."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pytest import MonkeyPatch

from dashboard import keeping
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer
from tests.attacks import leaks
from tests.attacks.conftest import OTHER, SITE, Guarded
from tests.attacks.forging import forged
from tests.attacks.harvester import Answer, Walk
from tests.attacks.leaks import LeakError
from tests.attacks.test_harvest import foreign

PAGES = ("/failures", "/quality", "/sharing", "/audit")
ROLES = ("lead", "site", "other", "authority", "data_manager", "auditor", "public")


@pytest.fixture(autouse=True)
def as_it_was(guarded: Guarded) -> Iterator[None]:
    """Nothing is kept, and the one run was published long ago."""
    os.utime(guarded.snapshot, (1, 1))
    guarded.forget()
    yield
    shown(guarded, guarded.snapshot)
    for later in guarded.snapshot.parent.glob("[2-9].duckdb"):
        later.unlink()
    guarded.forget()


@pytest.fixture
def again(guarded: Guarded) -> Callable[[str], Walk]:
    return lambda role: Walk(guarded.walk(role).client)


Again = Callable[[str], Walk]


def told(answer: Answer) -> bytes:
    assert answer.status == 200
    return answer.content


def test_what_is_kept_is_what_is_made_for_each_and_told_to_no_other(
    guarded: Guarded, again: Again
) -> None:
    """As everybody in turn, who may see the most first, and then all once more."""
    alone = {}
    for role in reversed(ROLES):
        guarded.forget()
        alone[role] = [told(again(role).page(path)) for path in PAGES[:3]]
    guarded.forget()
    for role in (*ROLES, *ROLES):
        assert [told(again(role).page(path)) for path in PAGES[:3]] == alone[role]
    assert len({pages[0] for pages in alone.values()}) >= 5


def test_a_page_that_is_kept_for_whoever_comes_is_found(
    guarded: Guarded, again: Again, monkeypatch: MonkeyPatch
) -> None:
    """The mistake itself, planted: the viewer is left out of what a page is made of."""
    made_of = keeping.made_of

    def careless(asked: keeping.Asked) -> tuple[object, tuple[object, ...]]:
        now: Any = made_of(asked)[0]
        return (now[0], *now[2:]), ()

    monkeypatch.setattr(keeping, "made_of", careless)
    again("lead").page("/failures")
    walk = again("public")
    walk.page("/failures")
    with pytest.raises(LeakError):
        leaks.names_nobody(walk.answers, foreign(guarded, "public"))


def test_every_look_is_on_record_under_the_name_of_who_looked(
    guarded: Guarded, again: Again
) -> None:
    journal = Journal(guarded.folder / "data" / "journal.sqlite")
    last = int(journal.deeds(1)[0][0])
    for role in ("site", "site", "other"):
        again(role).page("/failures")
    again("site").page("/failures", "?site=%3Cnobody%3E")
    views = [d for d in reversed(journal.deeds(20)) if int(d[0]) > last]
    assert [(who, kind) for _, _, who, kind, *_ in views] == [
        *[("site", "view")] * 2, ("other", "view"), ("site", "view"),
    ]  # fmt: skip
    assert {subject for *_, subject, _, _, _ in views[:3]} == {"/failures"}


def test_the_audit_trail_is_never_kept(again: Again) -> None:
    first = told(again("auditor").page("/audit"))
    assert told(again("auditor").page("/audit")) != first, "the look itself is there"


def test_what_people_write_is_there_at_once_and_gone_at_once(
    guarded: Guarded, again: Again
) -> None:
    page = ("/site", f"?site={SITE}")
    before = told(again("lead").page(*page))
    forged(guarded.walk("lead"), "site-notes", note_text="seen twice", note_site=SITE)
    after = again("lead").page(*page)
    assert "seen twice" not in before.decode()
    assert "seen twice" in after.text


def test_a_word_of_two_sites_and_its_taking_back_hold_at_once(
    guarded: Guarded, again: Again
) -> None:
    journal = Journal(guarded.folder / "data" / "journal.sqlite")
    name = guarded.sites()[OTHER][0]
    before = again("site").page("/failures")
    said = [
        journal.write(f"site:{a}", "unblinding", a, {"to": b, "alias": "Peer 1"}, "w")
        for a, b in ((SITE, OTHER), (OTHER, SITE))
    ]
    named = again("site").page("/failures")
    journal.write(f"site:{OTHER}", "unblinding", OTHER, {"takes_back": said[1]}, "w")
    taken_back = again("site").page("/failures")
    journal.write(f"site:{SITE}", "unblinding", SITE, {"takes_back": said[0]}, "w")
    assert [name in each.text for each in (before, named, taken_back)] == [
        False, True, False,
    ]  # fmt: skip


def test_a_threshold_holds_as_soon_as_it_is_written(
    guarded: Guarded, again: Again
) -> None:
    file = guarded.folder / "network.toml"
    text = file.read_text()
    before = told(again("lead").page("/quality"))
    with duckdb.connect(guarded.snapshot, read_only=True) as database:
        broken = "select min(rule) from rule_count where numerator > 0"
        ((rule,),) = database.sql(broken).fetchall()
    try:
        file.write_text(f'{text}\n[[check]]\nrule = "{rule}"\nthreshold = 1.0\n')
        assert told(again("lead").page("/quality")) != before
    finally:
        file.write_text(text)


def busy(monkeypatch: MonkeyPatch) -> None:
    """The process has other pages to make, so that one of before may stand in."""
    answer = keeping.Keeper._answer

    async def answered(self: keeping.Keeper, page: Any) -> keeping.Answer:
        self._afterwards["another"] = asyncio.create_task(_nothing())
        try:
            return await answer(self, page)
        finally:
            del self._afterwards["another"]

    monkeypatch.setattr(keeping.Keeper, "_answer", answered)


async def _nothing() -> keeping.Answer:
    return keeping.Answer(200, (), b"", "", False)


# What is open in a process keeps its name.
_numbers = count(2)


def published(guarded: Guarded, change: str = "checkpoint") -> bytes:
    """A second run, long after the first; what a link to its figures says of it."""
    number = next(_numbers)
    path = guarded.snapshot.with_name(f"{number}.duckdb")
    path.write_bytes(guarded.snapshot.read_bytes())
    with duckdb.connect(path) as database:
        database.execute(change)
    shown(guarded, path)
    return f"in-run={number}".encode()


def shown(guarded: Guarded, path: Path) -> None:
    link = guarded.snapshot.with_name("next")
    link.symlink_to(path.name)
    os.replace(link, link.with_name("current"))


def test_a_page_of_before_stands_in_until_the_new_one_is_made(
    guarded: Guarded, again: Again, monkeypatch: MonkeyPatch
) -> None:
    before = told(again("public").page("/failures"))
    busy(monkeypatch)
    new = published(guarded)
    assert told(again("public").page("/failures")) == before
    until = time.monotonic() + 60
    while (now := told(again("public").page("/failures"))) == before:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert new in now


def test_no_page_stands_in_where_nobody_has_to_wait(
    guarded: Guarded, again: Again
) -> None:
    told(again("public").page("/failures"))
    new = published(guarded)
    assert new in told(again("public").page("/failures"))


@pytest.mark.parametrize(
    "change",
    [
        "update meta set value = replace(value, '\"rounding\": 5',"
        " '\"rounding\": 1000') where key = 'config'",
        # As a run says of itself that took something away.
        "delete from batch where batch = (select min(batch) from batch);"
        " update meta set value = '99' where key = 'taken'",
    ],
    ids=["another rule", "a batch taken away"],
)
def test_no_page_stands_in_that_tells_what_is_held_back_since(
    guarded: Guarded, again: Again, monkeypatch: MonkeyPatch, change: str
) -> None:
    told(again("public").page("/failures"))
    busy(monkeypatch)
    new = published(guarded, change)
    assert new in told(again("public").page("/failures"))


def test_what_a_page_depends_on_is_known() -> None:
    """Whoever gives a viewer or a request more to say has to think of kept pages."""
    assert {f.name for f in fields(Viewer)} == {"role", "region", "site"}
    assert {f.name for f in fields(Request)} == {
        "viewer", "snapshots", "journal", "about", "who",
    }  # fmt: skip
