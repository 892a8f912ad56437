"""SENAITE LIMS: samples, analyses and whatever else its JSON API lists.

Written against a real SENAITE 2.6. It hides its failures: to a wrong password, an
ended session or a catalog that does not exist it answers `200 OK` and a list, empty
or not; a condition on what a catalog does not index is ignored; and the address it
names for the next page has lost the conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import polars as pl
from pydantic import Field, SecretStr

from connectors._http import Client
from connectors._page import Extract, Page, Source
from connectors._resume import begun, resume_at, resumed
from connectors._settings import Settings, WebAddress, instant, settings
from connectors._text import flatten, record_frame

OVERLAP = timedelta(minutes=5)
"""The index of changes knows minutes only, and lags behind its transactions."""

API = "@@API/senaite/v1"
SAMPLES = "senaite_catalog_sample"
CATALOGS = {
    "Analysis": "senaite_catalog_analysis",
    "AnalysisRequest": SAMPLES,
    "Batch": "senaite_catalog",
    "Client": "senaite_catalog_client",
    "Worksheet": "senaite_catalog_worksheet",
}
SETUP = "senaite_catalog_setup"
KEYS = 1000
"""Items a page, and keys an answer: those come from the catalog, hundreds a second,
whole items from sleep, about thirty a second."""

SAMPLES_AT_ONCE = 50

Params = Sequence[tuple[str, str]]
Item = dict[str, Any]


class Options(Settings):
    """Where the LIMS answers, its site included (`https://lims/senaite`), and who asks.

    `sign_in = "cookie"` is for a LIMS behind a proxy that keeps `Authorization` for
    itself.
    """

    url: WebAddress
    user: str
    password: SecretStr
    sign_in: Literal["basic", "cookie"] = "basic"
    requests_per_minute: int = Field(default=120, ge=1)


class Read(Settings):
    """Which catalog is searched, where the portal type's own is not meant."""

    catalog: str | None = None
    page_size: int = Field(default=100, ge=1, le=1000)
    may_be_empty: bool = False


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """Every item of the portal type `extract.location`, nested fields with dots.

    With `since` those changed from five minutes before it on. Nothing is deleted in
    SENAITE: what is withdrawn comes again with its new `review_state`. A full read
    is sorted by the items' keys, which no change can move, and can be gone on with.
    """
    place = resumed(source, since)
    since = place["since"] if place else since
    with _Lims(source, extract) as lims:
        done, after = (place["done"], place["after"]) if place else (0, "")
        start = place["begun"] if place else lims.begun
        if since is None:
            found = lims.search(lims.everything, done, after)
        else:
            found = lims.changed(instant(since) - OVERLAP)
        held: list[Item] = []
        for items in found:
            done, held = done + len(items), held + items
            if len(held) >= KEYS:
                at = resume_at(since=since, begun=start, done=done, after=_key(held))
                yield _page(held, extract, start, at if since is None else None)
                held = []
        if not done and since is None and not lims.read.may_be_empty:
            raise source.error(
                f"SENAITE lists no {extract.location} at all; check the rights of the "
                f"user, `from`, or set read.may_be_empty = true if there are none yet"
            )
    yield _page(held, extract, start, None)


def present(source: Source, extract: Extract) -> Iterator[pl.Series]:
    """The refs of all items there are now, from the catalog alone."""
    with _Lims(source, extract) as lims:
        listed = [("sort_on", "UID"), ("limit", str(KEYS)), *lims.of_type]
        for items in lims.search(listed):
            yield _refs(items)


def _key(items: Sequence[Item]) -> str:
    return str(items[-1]["uid"])


def _refs(items: Sequence[Item]) -> pl.Series:
    return pl.Series("ref", [f"record {item['uid']}" for item in items], pl.String)


def _page(
    items: Sequence[Item], extract: Extract, watermark: str, resume: str | None
) -> Page:
    frame = record_frame([flatten(item) for item in items], ("uid", *extract.columns))
    origin = f"SENAITE {extract.location}"
    return Page(frame, origin, _refs(items), watermark, resume=resume)


class _Lims:
    """A signed-in session; a context manager."""

    def __init__(self, source: Source, extract: Extract) -> None:
        self._source = source
        self._options = settings(Options, source.options, f"source.{source.name}")
        key = f"dataset {extract.dataset}.read"
        self.read = settings(Read, extract.options, key)
        kind = extract.location
        self._catalog = self.read.catalog or CATALOGS.get(kind, SETUP)
        self._analyses = kind == "Analysis"
        self.of_type = [("portal_type", kind), ("catalog", self._catalog)]
        limit = ("limit", str(self.read.page_size))
        self.everything = [*self.of_type, ("complete", "yes"), ("sort_on", "UID")]
        self.everything.append(limit)
        secret = self._options.password.get_secret_value()
        basic = self._options.sign_in == "basic"
        self.begun = ""
        self._client = Client(
            source,
            per_minute=self._options.requests_per_minute,
            secrets=[secret],
            auth=httpx.BasicAuth(self._options.user, secret) if basic else None,
        )

    def __enter__(self) -> _Lims:
        self._client.__enter__()
        if self._options.sign_in == "cookie":
            secret = self._options.password.get_secret_value()
            form = {"__ac_name": self._options.user, "__ac_password": secret}
            self._client.post(f"{self._url('login')}", form)
        self._expect_known()
        self.begun = begun(self._client.clock)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def _url(self, route: str) -> httpx.URL:
        return httpx.URL(f"{self._options.url.rstrip('/')}/{API}/{route}")

    def _expect_known(self) -> None:
        answer = self._client.get(self._url("users/current"))
        items = answer.get("items") if isinstance(answer, dict) else None
        if not items or items[0].get("authenticated") is not True:
            raise self._source.error(
                "SENAITE does not know this user, and answers a stranger with empty "
                "lists; check user and password"
            )

    def changed(self, since: datetime) -> Iterator[list[Item]]:
        """The items changed since, by the cheapest way that their catalog has.

        The catalog of analyses has no index of changes; but an analysis that
        changes also changes its sample, and samples have one. Where neither helps
        everything is read and what is older left out.
        """
        if self._indexed(self._catalog):
            yield from self.search([*self.everything, *_since(since)])
        elif self._analyses and self._indexed(SAMPLES):
            yield from self._of_samples(since)
        else:
            for items in self.search(self.everything):
                yield [i for i in items if instant(i["modified"]) >= since]

    def _of_samples(self, since: datetime) -> Iterator[list[Item]]:
        asked = [("catalog", SAMPLES), ("portal_type", "AnalysisRequest")]
        asked += [("sort_on", "UID"), ("limit", str(KEYS)), *_since(since)]
        ids = [item["id"] for items in self.search(asked) for item in items]
        for first in range(0, len(ids), SAMPLES_AT_ONCE):
            few = ids[first : first + SAMPLES_AT_ONCE]
            chosen = [("getRequestID:list", name) for name in few]
            yield from self.search([*self.everything, *chosen])

    def _indexed(self, catalog: str) -> bool:
        """Whether the catalog can tell what changed: it then finds nothing so late."""
        late = datetime(2200, 1, 1, tzinfo=UTC)
        asked = [("catalog", catalog), ("limit", "1"), *_since(late)]
        of_type = [pair for pair in self.of_type if pair[0] == "portal_type"]
        kind = [("portal_type", "AnalysisRequest")] if catalog == SAMPLES else of_type
        return bool(self._ask([*asked, *kind])["count"] == 0)

    def search(
        self, asked: Params, done: int = 0, after: str = ""
    ) -> Iterator[list[Item]]:
        """What is found, answer by answer, in the order of the keys.

        New items push the others on, so the same may come twice and is left out;
        items that go would hide others, so a shrinking list is a SourceError.
        """
        limit = int(dict(asked)["limit"])
        start, count = max(0, done - limit), 0
        while True:
            answer = self._ask([*asked, ("b_start", str(start))])
            items = answer["items"]
            if answer["count"] < count:
                raise self._source.error(
                    "records disappeared from SENAITE while they were being read; "
                    "pull again"
                )
            count, start = answer["count"], start + len(items)
            new = [item for item in items if item["uid"] > after]
            if new:
                yield new
                after = _key(new)
            if not items or start >= count:
                return

    def _ask(self, asked: Params) -> Item:
        url = self._url("search").copy_merge_params(httpx.QueryParams(list(asked)))
        answer = self._client.get(url)
        listed = answer.get("items") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(listed, list):
            raise self._source.error(
                "SENAITE answered without a list of items; check that `url` is the "
                "LIMS's own site, like https://host/senaite"
            )
        if any(not isinstance(i, dict) or not i.get("uid") for i in listed):
            raise self._source.error(
                "SENAITE lists items without a key; check read.catalog"
            )
        return {**answer, "count": int(answer["count"])}


def _since(moment: datetime) -> Params:
    utc = moment.astimezone(UTC).isoformat(timespec="seconds")
    return [("modified.query:record:date", utc), ("modified.range:record", "min")]
