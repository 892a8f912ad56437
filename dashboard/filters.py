"""The filters of every page, read from its URL and written back to it.

A page is a function of its URL, so this is the only place where a query string becomes
values. A value that cannot be right is left out with a sentence that says so: a
mistyped link shows a page and an alert, never an error.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from dashboard.metrics import DEFINITIONS
from dashboard.viewer import Choices

LISTS: Mapping[str, str] = {
    "product": "product",
    "product_class": "product class",
    "pathway": "pathway",
    "region": "region",
    "site": "site",
}

SHARED = ("from", "to", *LISTS, "definition")

_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")
_LONGEST = 200


@dataclass(frozen=True)
class Filters:
    """What a page is asked to show: months inclusive, lists empty for “all”.

    `extra` holds a page's own options and path variables (`slug`), which other pages
    neither read nor keep.
    """

    start: str | None = None
    end: str | None = None
    product: tuple[str, ...] = ()
    product_class: tuple[str, ...] = ()
    pathway: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    definition: str = "no_product"
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    def values(self, key: str) -> tuple[str, ...]:
        """What list filter `key` is set to; empty means everything."""
        values: tuple[str, ...] = getattr(self, key)
        return values

    def without(self, key: str, value: str | None = None) -> "Filters":
        """These filters with `key` back at its default, or one value taken away."""
        if key in LISTS:
            kept = tuple(v for v in self.values(key) if value not in (None, v))
            return replace(self, **{key: kept})  # type: ignore[arg-type]
        if key in ("from", "to"):
            start, end = (None, self.end) if key == "from" else (self.start, None)
            return replace(self, start=start, end=end)
        if key == "definition":
            return replace(self, definition="no_product")
        return replace(self, extra={k: v for k, v in self.extra.items() if k != key})

    def option(self, key: str, value: str) -> "Filters":
        """These filters with the definition or one of the page's own options set."""
        if key == "definition":
            return replace(self, definition=value)
        return replace(self, extra={**self.extra, key: value})

    @property
    def shared(self) -> "Filters":
        """These filters without the page's own options: what a link elsewhere keeps."""
        return replace(self, extra={})

    def to_query(self) -> str:
        """The query string with its `?`, or nothing when all is at its default.

        Keys come in a fixed order and defaults are left out, so that equal filters give
        equal links.
        """
        pairs = [("from", self.start or ""), ("to", self.end or "")]
        pairs += [(key, ",".join(self.values(key))) for key in LISTS]
        if self.definition != "no_product":
            pairs.append(("definition", self.definition))
        pairs += sorted(self.extra.items())
        query = "&".join(
            f"{quote(k, safe='')}={quote(v, safe=',')}" for k, v in pairs if v
        )
        return f"?{query}" if query else ""


def parse(
    query: Mapping[str, object], choices: Choices | None = None
) -> tuple[Filters, tuple[str, ...]]:
    """The filters in `query`, and a sentence for each value that had to be left out.

    `query` is what Dash passes to a layout: text, or a list where a key is repeated.
    With `choices`, only values that the viewer can choose are taken; one they may not
    know of is refused in the same words as one that does not exist.
    """
    texts = {k: _text(v) for k, v in query.items() if _text(v)}
    problems: list[str] = []
    start = _month(texts.get("from"), "start", problems)
    end = _month(texts.get("to"), "end", problems)
    if start and end and start > end:
        problems.append(f"The period ends ({end}) before it starts ({start}).")
        start = end = None
    lists = {
        key: _list(texts.get(key, ""), key, getattr(choices, key, None), problems)
        for key in LISTS
    }
    filters = Filters(
        start,
        end,
        **lists,
        definition=_definition(texts.get("definition"), problems),
        extra={k: v for k, v in texts.items() if k not in SHARED},
    )
    return filters, tuple(f"{problem} It was left out." for problem in problems)


def _text(value: object) -> str:
    if isinstance(value, list):
        value = ",".join(str(v) for v in value)
    return str(value or "").strip()[: 10 * _LONGEST]


def _month(text: str | None, which: str, problems: list[str]) -> str | None:
    if text is None or _MONTH.fullmatch(text):
        return text
    problems.append(
        f"The {which} of the period, “{text[:_LONGEST]}”, is no month."
        " Write it like 2025-03."
    )
    return None


def _definition(text: str | None, problems: list[str]) -> str:
    if text is None or text in DEFINITIONS:
        return text or "no_product"
    problems.append(
        f"“{text[:_LONGEST]}” is no definition of failure"
        f"{_suggestion(text, DEFINITIONS)}."
    )
    return "no_product"


def _list(
    text: str,
    key: str,
    known: Sequence[tuple[str, str]] | None,
    problems: list[str],
) -> tuple[str, ...]:
    values = dict.fromkeys(v.strip() for v in text.split(",") if v.strip())
    if known is None:
        return tuple(values)
    names = [value for value, _ in known]
    for unknown in [v for v in values if v not in names]:
        problems.append(
            f"There is no {LISTS[key]} “{unknown[:_LONGEST]}” to show"
            f"{_suggestion(unknown, names)}."
        )
    return tuple(v for v in values if v in names)


def _suggestion(text: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(text, list(names), n=1)
    return f" (perhaps “{close[0]}”)" if close else ""
