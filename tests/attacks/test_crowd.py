"""Several people of different roles at once: nobody is given an answer of another's."""

import asyncio
from typing import Any

from pytest import MonkeyPatch

from dashboard import gate
from dashboard.viewer import Viewer
from tests.attacks.conftest import PEOPLE, Guarded
from tests.bench.signed_in import QUESTIONS, Crowd, Person

AT_ONCE, SECONDS = 8, 3.0
SOME = QUESTIONS[6:]


def crowd(guarded: Guarded, questions: tuple[str, ...] = SOME) -> Crowd:
    sites = guarded.sites()

    def sees(viewer: Viewer) -> frozenset[str]:
        if viewer.role in ("lead", "data_manager"):
            return frozenset(sites)
        own = {
            s for s, (_, r) in sites.items() if s == viewer.site or r == viewer.region
        }
        return frozenset(own | guarded.laboratories(own))

    people = [Person(n, v, sees(Viewer.parse(v))) for n, v in PEOPLE.items()]
    names = {slug: name for slug, (name, _) in sites.items()}
    return Crowd(guarded.url, people, names, questions)


def test_nobody_is_given_what_another_is_told(guarded: Guarded) -> None:
    asked = crowd(guarded)
    asyncio.run(asked.ask(AT_ONCE, SECONDS))
    assert len(asked.waited) > AT_ONCE
    assert asked.errors == []


def test_an_answer_kept_for_whoever_comes_next_is_found(
    guarded: Guarded, monkeypatch: MonkeyPatch
) -> None:
    asks, first = gate.question, []

    def of_the_first(sources: Any, guest: Any) -> Any:
        first.append(guest)
        return asks(sources, first[-1] if len(first) % 3 else first[0])

    monkeypatch.setattr(gate, "question", of_the_first)
    asked = crowd(guarded, ("/_dash-layout",))
    asyncio.run(asked.ask(AT_ONCE, 1.0))
    assert asked.errors
