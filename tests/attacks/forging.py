"""Questions that no browser would ask, each answered as one that is asked of nothing.

Functions of a walk alone; they raise `LeakError` where something is told or done.
"""

import http.client
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from statistics import quantiles
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from tests.attacks.harvester import CALLBACK, Answer, Walk, asked
from tests.attacks.leaks import LeakError, alike
from tests.attacks.walking import LOT

# Something that is there, of which these viewers know nothing, and something that is
# not there at all, of the same length.
THERE, NOWHERE = "manzanera", "mansanero"
ON_THE_LIST, ON_NONE = "turiana", "turiano"
ADDRESSES = (
    ("/api/v1/sites/{}/report.html", THERE, NOWHERE),
    ("/api/v1/sites/{}/report.xlsx", THERE, NOWHERE),
    ("/api/v1/recalls/{}.xlsx?" + LOT, ON_THE_LIST, ON_NONE),
    ("/api/v1/cards/attention?site={}", THERE, NOWHERE),
    ("/api/v1/cards/failure-funnel.csv?region=ES51,{}", "FR10", "FR99"),
)
PAGES = (
    ("/site", "?site={}"),
    ("/failures", "?site={}&from=2025-01"),
    ("/harmonisation", "?reference={}"),
    ("/draft", "?product=car-t-cd19&base={}"),
    ("/why", "?about={}"),
    ("/over-time", "?show={}&site={}"),
)
FOREIGN_ORIGINS = (
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
)
SPITE = (
    "x' or '1'='1",
    "' or 1=1 --",
    "x'; drop table site; --",
    "') union all select name from site --",
    "\"; attach '/etc/passwd' as p; --",
)
PLACES = (
    "/assets/{}", "/_dash-component-suites/dash/{}", "/_dash-component-suites/{}",
    "/api/v1/cards/{}", "/api/v1/cards/{}.csv", "/api/v1/proposals/{}.pdf",
    "/api/v1/sites/{}/report.html", "/api/v1/recalls/{}.xlsx", "/figure/{}",
    "/sign-in/{}", "/{}",
)  # fmt: skip
KEPT = (b"root:x:", b"[sign_in]", b"SQLite format 3", b"DUCK")


def addresses_tell_nothing(walk: Walk, which: Sequence[tuple[str, str, str]]) -> None:
    """A leak if an address of what is forbidden differs from one of what is missing."""
    for address, there, nowhere in which:
        one, other = walk.get(address.format(there)), walk.get(address.format(nowhere))
        if one.status < 400:
            raise LeakError(f"{one.address} was given")
        alike(one, other, {there: "…", nowhere: "…"})


def pages_tell_nothing(walk: Walk) -> None:
    """The same of pages, figures and all, that are asked about somebody else's."""
    for path, search in PAGES:
        one, other = (
            walk.page(path, search.replace("{}", slug)) for slug in (THERE, NOWHERE)
        )
        alike(one, other, {THERE: "…", NOWHERE: "…"})


def forged(walk: Walk, output: str, **state: object) -> Answer:
    """The answer to the callback with `output` when its state holds these values."""
    (callback,) = (c for c in walk.callbacks() if output in c["output"])
    values = [
        state.get(str(each["id"]).replace("-", "_")) for each in callback["state"]
    ]
    return walk.call(callback, [1] * len(callback["inputs"]), values)


def callbacks_tell_nothing(walk: Walk, batch: str) -> None:
    """A leak if writing about what is forbidden is answered unlike what is missing."""
    for output, key in (("site-notes", "note_site"), ("decide-said", "decide_site")):
        told = [
            forged(walk, output, **{key: slug, "note_text": "x", "decide_why": "x",
                                    "decide_month": "2025-01"})
            for slug in (THERE, NOWHERE)
        ]  # fmt: skip
        alike(told[0], told[1], {THERE: "…", NOWHERE: "…"})
    lots = (["vector", "vectoria", "LV9317"], ["vector", "vectoria", "LV0000"])
    told = [forged(walk, "recall-said", recall_why="x", recall_lot=lot) for lot in lots]
    alike(told[0], told[1], {"LV9317": "…", "LV0000": "…"})
    pages = [walk.page(f"/batch/{THERE}/{b}") for b in (batch, f"k1-{'0' * 16}")]
    alike(pages[0], pages[1], {batch: "…", f"k1-{'0' * 16}": "…"})


def wrong_values(walk: Walk) -> Iterator[Answer]:
    """The answers to every callback with values that nobody could have entered."""
    wrong: tuple[object, ...] = (
        *({}, [[]], -1, 1e308, True, "x" * 100_000, {"__class__": "x"}),
        ["../../etc/passwd", None, {"a": [1]}],
    )  # fmt: skip
    for callback in walk.callbacks():
        if "_pages_content" in callback["output"]:
            continue
        for value in wrong:
            yield walk.call(callback, [value] * 9, [value] * 9)


def other_outputs(walk: Walk) -> Iterator[Answer]:
    """The answers to callbacks that are asked for what is not theirs to give."""
    for callback in walk.callbacks():
        said = asked(callback, ["/failures", ""], [THERE] * 9)
        page = {"id": "_pages_content", "property": "children"}
        for output in ("_pages_content.children", "..main.children...x.y..", "", "a.b"):
            yield walk.ask("POST", CALLBACK, json={**said, "output": output})
        yield walk.ask("POST", CALLBACK, json={**said, "outputs": [page, page]})


def no_page_elsewhere_writes(
    url: str, cookies: httpx.Cookies, addresses: Sequence[str]
) -> None:
    """A leak if something may be written by a page of somebody else's."""
    with httpx.Client(base_url=url, cookies=cookies, timeout=60) as client:
        for address in addresses:
            for headers in FOREIGN_ORIGINS:
                for method in ("POST", "PUT", "DELETE", "PATCH"):
                    answer = client.request(method, address, headers=headers, json={})
                    if answer.status_code != 403:
                        raise LeakError(f"{method} {address} from {headers}")


def questions_stay_questions(walk: Walk, keys: Sequence[str]) -> None:
    """A leak if what looks like SQL is answered unlike a word that means nothing."""
    for key in keys:
        for words in SPITE:
            one, other = (
                walk.get(
                    f"/api/v1/cards/throughput-over-time?{key}={quote(text, safe='')}"
                )
                for text in (words, "zzzzzzz")
            )
            if one.status not in (200, 422):
                raise LeakError(f"{key}={words} is answered {one.status}")
            alike(one, other, _said(words) | {"zzzzzzz": "…"})


def _said(words: str) -> dict[str, str]:
    """The words as they come back: in JSON, and cut off where they hold a comma."""
    return {words.replace('"', '\\"'): "…", quote(words, safe=""): "…"}


def nothing_outside_is_read(url: str, cookie: str, targets: Sequence[str]) -> None:
    """A leak if an address leads to a file that is not served."""
    at = urlsplit(url)
    steps = ("../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "..%5c" * 12, "/", "%2f")
    with closing(http.client.HTTPConnection(at.netloc, timeout=60)) as connection:
        for place in PLACES:
            for target in targets:
                for step in steps:
                    path = place.format(step + target.lstrip("/"))
                    connection.putrequest("GET", path, skip_host=True)
                    connection.putheader("Host", at.netloc)
                    connection.putheader("Cookie", cookie)
                    connection.endheaders()
                    body = connection.getresponse().read()
                    if any(kept in body for kept in KEPT):
                        raise LeakError(f"{path} is read")


def takes_as_long(
    one: Callable[[], Any], other: Callable[[], Any], times: int = 25
) -> float:
    """How much longer one of two questions takes: a ratio of their lower quartiles.

    A leak where one takes twice as long and more than ten milliseconds longer. Asked in
    turn, so that a busy machine is as busy for both; what it does meanwhile makes some
    answers slower and none quicker.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for ask, spent in zip((one, other), taken, strict=True):
            began = time.perf_counter()
            ask()
            spent.append(time.perf_counter() - began)
    first, second = (quantiles(spent, n=4)[0] for spent in taken)
    slow, quick = max(first, second), min(first, second)
    if slow > 2 * quick and slow - quick > 0.01:
        raise LeakError(f"one takes {first:.3f} s, the other {second:.3f} s")
    return slow / quick
