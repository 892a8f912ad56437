"""A leak is planted in each class, and the very attack of that class has to find it.

Each test undoes one thing that keeps the dashboard from telling, and shows that the
functions with which the other files attack it raise `LeakError` then.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pytest import MonkeyPatch
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dashboard import api, export, filters, gate, queries, site_report, workbook
from dashboard.access.desk import Desk
from dashboard.access.sessions import Sessions
from dashboard.access.tokens import Tokens
from dashboard.filters import Filters
from dashboard.queries import disclosure
from tests.attacks import forging, leaks, subtracting, walking
from tests.attacks.conftest import OTHER, Guarded
from tests.attacks.harvester import Walk
from tests.attacks.leaks import LeakError
from tests.attacks.test_harvest import foreign
from tests.attacks.test_injected import draws_nothing
from tests.attacks.test_sessions import (
    brought_along,
    outlived,
    replayed_after_leaving,
)
from tests.demo import LEAD

CARDS = "/api/v1/cards/"
caught = pytest.raises(LeakError)


@pytest.fixture(autouse=True)
def nothing_remembered(guarded: Guarded) -> Iterator[None]:
    """What was answered before would hide a leak; what is while it leaks would stay."""
    guarded.forget()
    yield
    guarded.forget()


@pytest.fixture
def again(guarded: Guarded) -> Callable[[str], Walk]:
    """A walk of somebody's own, with nothing asked yet."""
    return lambda role: Walk(guarded.walk(role).client)


Again = Callable[[str], Walk]


def test_a_pool_taken_apart_is_found(
    guarded: Guarded, again: Again, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(disclosure, "heading", lambda viewer, site, region: site)
    walk = again("public")
    walk.get(f"{CARDS}failure-funnel")
    with caught:
        leaks.names_nobody(walk.answers, foreign(guarded, "public"))


def test_a_figure_that_asks_as_the_lead_is_found(
    guarded: Guarded, again: Again, monkeypatch: MonkeyPatch
) -> None:
    listed = queries.batches
    monkeypatch.setattr(
        queries, "batches", lambda viewer, *said, **more: listed(LEAD, *said, **more)
    )
    walk = again("public")
    walk.page("/failures")
    with caught:
        leaks.lists_nobodys_batches(walk.answers, set())


def test_a_count_beside_what_is_held_back_is_found(
    again: Again, monkeypatch: MonkeyPatch
) -> None:
    def telling(frame: pl.DataFrame, dates: bool = False) -> pl.DataFrame:
        integers = [c for c, t in frame.schema.items() if t.is_integer()]
        return flat(frame, dates).with_columns(pl.col(integers).fill_null(3))

    flat = export.flat
    monkeypatch.setattr(export, "flat", telling)
    walk = again("public")
    walk.get(f"{CARDS}throughput-by-pathway")
    with caught:
        leaks.hides_what_it_says(walk.answers)


def test_an_export_that_forgets_formulas_is_found(
    again: Again, guarded: Guarded, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_harmless", pl.col)
    walk = again("site")
    walk.get(f"{CARDS}freshness.csv")
    with caught:
        leaks.runs_nothing(walking.cells(walk.answers[0]))
    monkeypatch.setattr(workbook, "harmless", lambda text: text)
    walk.get(f"/api/v1/proposals/{guarded.proposal}.xlsx")
    with caught:
        leaks.runs_nothing(walking.cells(walk.answers[1]))


def test_a_page_that_forgets_to_escape_is_found(
    again: Again, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(site_report, "escape", lambda text: text)
    walk = again("site")
    walk.get(walking.of_one("vesuvina", 1)[0])
    with caught:
        draws_nothing(walk.answers)


def test_an_answer_that_a_cache_may_keep_is_found(
    again: Again, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(gate.Gate, "_dress", lambda *said: None)
    walk = again("public")
    walk.get(f"{CARDS}attention")
    with caught:
        leaks.is_not_kept(walk.answers)


def test_a_route_without_its_check_is_found(
    again: Again, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(site_report, "may_read", lambda site: True)
    monkeypatch.setattr(site_report, "_asked", lambda site: LEAD)
    with caught:
        forging.addresses_tell_nothing(again("public"), forging.ADDRESSES[:1])


def test_a_refusal_that_knows_more_is_found(
    guarded: Guarded, again: Again, monkeypatch: MonkeyPatch
) -> None:
    names = [*guarded.sites()]
    close = filters._suggestion
    monkeypatch.setattr(filters, "_suggestion", lambda text, known: close(text, names))
    walk = again("public")
    walk.get(f"{CARDS}attention?site={forging.NOWHERE}")
    with caught:
        leaks.names_nobody(walk.answers, foreign(guarded, "public"))


def test_a_callback_without_its_check_is_found(
    guarded: Guarded, again: Again, monkeypatch: MonkeyPatch
) -> None:
    seen = queries.sites
    monkeypatch.setattr(queries, "sites", lambda viewer, *more: seen(LEAD, *more))
    with caught:
        forging.callbacks_tell_nothing(again("public"), min(guarded.batches(OTHER)))


def test_an_open_door_to_pages_elsewhere_is_found(
    guarded: Guarded, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "refusal", lambda door, connection: None)
    cookies = guarded.walk("lead").client.cookies
    with caught:
        forging.no_page_elsewhere_writes(guarded.url, cookies, ["/api/v1/bundles"])


def test_a_filter_that_becomes_sql_is_found(
    again: Again, monkeypatch: MonkeyPatch
) -> None:
    def believing(query: dict[str, str], choices: object) -> Any:
        return filters.parse(query)

    def written(asked: Filters) -> tuple[str, dict[str, object]]:
        wanted = f"r.product = '{asked.product[0]}'" if asked.product else "true"
        return wanted, {}

    monkeypatch.setattr(api, "parse", believing)
    batches = importlib.import_module("dashboard.queries.batches")
    monkeypatch.setattr(batches, "conditions", written)
    with caught:
        forging.questions_stay_questions(again("lead"), ["product"])


def test_an_address_that_opens_files_is_found(guarded: Guarded) -> None:
    async def opened(request: Request) -> PlainTextResponse:
        path = Path("/assets") / request.path_params["path"]
        return PlainTextResponse(path.read_text() if path.is_file() else "")

    planted = Route("/assets/{path:path}", opened)
    guarded.app.router.routes.insert(0, planted)
    try:
        with caught:
            forging.nothing_outside_is_read(guarded.url, "", ["/etc/passwd"])
    finally:
        guarded.app.router.routes.remove(planted)


def test_a_difference_in_time_is_found() -> None:
    with caught:
        forging.takes_as_long(lambda: time.sleep(0.03), lambda: None, times=5)


def test_a_session_that_outlives_its_end_is_found(
    guarded: Guarded, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(Sessions, "end", lambda self, secret: None)
    with caught:
        replayed_after_leaving(guarded)


def test_a_token_without_an_end_is_found(
    guarded: Guarded, monkeypatch: MonkeyPatch
) -> None:
    ever = Tokens.of

    def of(self: Tokens, secret: str) -> Any:
        return ever(Tokens(self.store, lambda: 0.0), secret)

    monkeypatch.setattr(Tokens, "of", of)
    with caught:
        outlived(guarded)


def test_a_session_that_was_brought_along_is_found(
    guarded: Guarded, monkeypatch: MonkeyPatch
) -> None:
    begin = Desk.let_in

    def kept(self: Desk, *said: Any) -> Any:
        monkeypatch.setattr("secrets.token_urlsafe", lambda length: "planted")
        return begin(self, *said)

    monkeypatch.setattr(Desk, "let_in", kept)
    with caught:
        brought_along(guarded)


def test_a_small_count_between_two_answers_is_found() -> None:
    lattice = subtracting.Lattice(("2025-01", "2025-02", "2025-03"), (), ())
    months = {"2025-01": 9, "2025-02": 2, "2025-03": 12}

    def counted(asked: Filters) -> dict[str, int]:
        inside = [n for m, n in months.items() if asked.start <= m <= asked.end]  # type: ignore[operator]
        return {"started": sum(inside)}

    def each_on_its_own(asked: Filters) -> dict[str, int] | None:
        counts = counted(asked)
        return counts if counts["started"] >= 5 else None

    with caught:
        subtracting.windows_tell_nothing(each_on_its_own, counted, lattice, 5)
