"""A FHIR search read to its end, from any place in it, and what was deleted since.

Resources come in the order in which they were last changed. Most servers cut a list
by counting: a resource that changes meanwhile moves to the list's end, the others move
up, and one of them is missed. So each answer is asked for from the instant where the
last one ended, and `next` followed only within one instant, or where a server does
not sort. A resource that changes while it is read comes twice, the later one last.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

import httpx

from connectors._errors import SourceError
from connectors._fhir_bundle import Bundle, NoBundleError, bundle
from connectors._fhir_columns import Resource, reference_of
from connectors._http import Client
from connectors._page import Source
from connectors._settings import instant

NO_HISTORY = (404, 405, 501)
CHOOSES_NOTHING = ("_include", "_revinclude", "_summary", "_total")
"""Parameters that choose no resources: a server need not repeat them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """How far a search was read: all that changed before an instant.

    `seen` holds fingerprints of the resources read that changed at that very instant.
    """

    moment: str | None = None
    seen: frozenset[str] = frozenset()

    def holds(self, resource: Resource) -> bool:
        """Whether the resource, as it is now, was read before."""
        changed = _changed(resource)
        at_moment = self.moment is not None and changed == instant(self.moment)
        return at_moment and _fingerprint(resource) in self.seen

    def after(self, resources: Sequence[Resource]) -> Place | None:
        """The place behind these, or None where they are not in their order."""
        times = [time for one in resources if (time := _changed(one))]
        if not times or len(times) < len(resources) or times != sorted(times):
            return None
        last = {_fingerprint(one) for one in resources if _changed(one) == times[-1]}
        if self.moment and times[-1] == instant(self.moment):
            return Place(self.moment, self.seen | last)
        return Place(_moment(resources[-1]), frozenset(last))


@dataclass(frozen=True)
class Found:
    """The new resources of one answer, and the place behind them.

    `place` is null where the answers come in no order: nothing can go on from there.
    """

    resources: Sequence[Resource]
    place: Place | None


@dataclass(frozen=True)
class Search:
    """One search on one server: the type of resource and the site's own parameters."""

    source: Source
    client: Client
    base: str
    kind: str
    parameters: Sequence[tuple[str, str]]
    page_size: int
    rewrite_next: bool = False

    def found(self, place: Place, *extra: tuple[str, str]) -> Iterator[Found]:
        """The resources from a place on, one answer after the other."""
        before: list[Resource] = []
        asked: set[str] = set()
        url: httpx.URL | None = self._from(place, extra)
        received = 0
        while url is not None:
            self._once(url, asked)
            answer = self._bundle(self.client.get(url))
            matches = answer.matches(self.kind)
            self._check(answer, matches, place)
            if matches and matches == before:
                raise self._error("sends the same resources again and again")
            before, received = matches, received + len(matches)
            here = place.after(matches) if self._sorts(answer) else None
            if fresh := [one for one in matches if not place.holds(one)]:
                yield Found(fresh, here)
            if not self._goes_on(answer, received, bool(fresh)):
                return
            if here and here.moment != place.moment:
                url, received, before = self._from(here, extra), 0, []
            else:
                url = self._next(url, answer, received)
            place = here or place

    def deleted(self, since: datetime) -> list[str]:
        """References of the resources deleted since an instant that are still gone.

        A server that keeps no history of a type says so, which is logged: what was
        deleted there is found by comparing all keys.
        """
        first = [("_since", text(since)), ("_count", str(self.page_size))]
        url: httpx.URL | None = self._url(f"{self.kind}/_history", first)
        last: dict[str, bool] = {}
        asked: set[str] = set()
        while url is not None:
            self._once(url, asked)
            answer = self.client.get(url, without=NO_HISTORY)
            if answer is None:
                self._say_no_history()
                return []
            told = self._bundle(answer)
            within = [entry for entry in told.entries if _happened(entry) >= since]
            for entry in within:
                last.setdefault(self._named(entry), _is_deletion(entry))
            # Some servers forget `_since` in their next link: it would never end.
            on = within and "next" in told.links
            url = self._joined(url, told.links["next"]) if on else None
        return [reference for reference, gone in last.items() if reference and gone]

    def _from(self, place: Place, extra: Sequence[tuple[str, str]]) -> httpx.URL:
        bound = [("_lastUpdated", f"ge{place.moment}")] if place.moment else []
        order = [("_sort", "_lastUpdated"), ("_count", str(self.page_size))]
        return self._url(self.kind, [*self.parameters, *bound, *order, *extra])

    def _url(self, path: str, parameters: list[tuple[str, str]]) -> httpx.URL:
        return httpx.URL(
            f"{self.base}/{path}", params=httpx.QueryParams(tuple(parameters))
        )

    def _bundle(self, answer: object) -> Bundle:
        try:
            return bundle(answer)
        except NoBundleError as error:
            raise self._error(self.client.clean(str(error))) from None

    def _error(self, what: str) -> SourceError:
        return self.source.error(f"{self.host} ({self.kind}) {what}")

    @property
    def host(self) -> str:
        """The server's name, for messages."""
        return httpx.URL(self.base).host

    def _check(self, answer: Bundle, matches: Sequence[Resource], place: Place) -> None:
        """That no parameter was ignored, which FHIR allows with `200 OK`."""
        asked = {name for name, _ in self.parameters if name not in CHOOSES_NOTHING}
        asked |= {"_lastUpdated"} if place.moment else set()
        if "self" in answer.links and (ignored := asked - _parameters(answer)):
            raise self._error(
                f"ignored {', '.join(sorted(ignored))}; ask for what it can search by, "
                f"its CapabilityStatement ({self.base}/metadata) lists it"
            )
        start = instant(place.moment) if place.moment else None
        if start and any((_changed(one) or start) < start for one in matches):
            raise self._error("ignored _lastUpdated: it sends what changed long ago")

    def _sorts(self, answer: Bundle) -> bool:
        return "self" not in answer.links or "_sort" in _parameters(answer)

    def _goes_on(self, answer: Bundle, received: int, fresh: bool) -> bool:
        """Whether there is more: by its links, by its total, or if it tells nothing."""
        if "next" in answer.links:
            return True
        if answer.total is None:
            return fresh and not answer.links
        if received < answer.total and not answer.entries and not answer.links:
            raise self._error(
                f"announces {answer.total} resources and sends {received}; pull again"
            )
        return received < answer.total and bool(answer.entries)

    def _next(self, url: httpx.URL, answer: Bundle, received: int) -> httpx.URL:
        if "next" in answer.links:
            return self._joined(url, answer.links["next"])
        return url.copy_set_param("_offset", str(received))

    def _once(self, url: httpx.URL, asked: set[str]) -> None:
        if str(url) in asked:
            raise self._error("names an answer as the next that was read already")
        asked.add(str(url))

    def _joined(self, url: httpx.URL, link: str) -> httpx.URL:
        told = url.join(link)
        if (told.scheme, told.host, told.port) == (url.scheme, url.host, url.port):
            return told
        if not self.rewrite_next:
            raise self._error(
                f"goes on at another address, {told.scheme}://{told.netloc.decode()}; "
                f"nothing was sent there. Have its base URL set to {self.base}, or "
                f"set rewrite_next = true"
            )
        return told.copy_with(scheme=url.scheme, host=url.host, port=url.port)

    def _named(self, entry: Resource) -> str:
        """The reference of the resource that an entry of the history is about."""
        request, resource = entry.get("request"), entry.get("resource")
        url = request.get("url") if isinstance(request, dict) else None
        for told in (url, entry.get("fullUrl")):
            if found := re.search(rf"\b({self.kind}/[A-Za-z0-9.-]+)", str(told)):
                return found[1]
        return reference_of(resource) if isinstance(resource, dict) else ""

    def _say_no_history(self) -> None:
        log.warning(
            "site %s, source %s: the server keeps no history of %s; what is deleted "
            "there shows when all keys are compared",
            self.source.site,
            self.source.name,
            self.kind,
        )


def text(moment: datetime) -> str:
    """An instant as FHIR servers write it: to the millisecond, which some compare."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _parameters(answer: Bundle) -> set[str]:
    query = urlsplit(answer.links["self"]).query
    return {name for name, _ in parse_qsl(query, keep_blank_values=True)}


def _fingerprint(resource: Resource) -> str:
    # A place is kept between pulls, and a site's own number may be somebody's.
    return sha256(reference_of(resource).encode()).hexdigest()[:16]


def _moment(resource: Resource) -> str | None:
    meta = resource.get("meta")
    told = meta.get("lastUpdated") if isinstance(meta, dict) else None
    return told if isinstance(told, str) else None


def _changed(resource: Resource) -> datetime | None:
    return _instant(_moment(resource))


def _happened(entry: Resource) -> datetime:
    response, resource = entry.get("response"), entry.get("resource")
    told = response.get("lastModified") if isinstance(response, dict) else None
    changed = _changed(resource) if isinstance(resource, dict) else None
    return _instant(told) or changed or datetime.max.replace(tzinfo=UTC)


def _is_deletion(entry: Resource) -> bool:
    request = entry.get("request")
    return isinstance(request, dict) and request.get("method") == "DELETE"


def _instant(told: object) -> datetime | None:
    try:
        return instant(told) if isinstance(told, str) else None
    except ValueError:
        return None
