"""The made-up network where every audience has a threshold and none a rounding."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dashboard import queries
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.queries import disclosure
from dashboard.viewer import Request, Viewer, asking
from tests.attacks.subtracting import Ask, Counts
from tests.dashboard.republishing import republished
from tests.demo import LEAD, Demo

LEAST = 5
COLUMNS = ("started", "no_product", "no_product_of")
# Nobody's figures are rounded, which would blur differences too.
RULES = {"authority": {"threshold": LEAST}, "site": {"threshold": LEAST},
         "public": {"threshold": LEAST, "rounding": 0}}  # fmt: skip
VIEWERS = {
    "public": (Viewer("public"), "network"),
    "site": (Viewer("site", site="vesuvina"), "peers"),
    "authority": (Viewer("authority", region="ES51"), "other-regions"),
}
Row = dict[str, Any]


class Strict:
    """What each viewer is told of a pool, and what was counted at its sites."""

    def __init__(self, demo: Demo, folder: Path) -> None:
        self._path = folder / "snapshots" / "7.duckdb"
        republished(demo, self._path, RULES)
        self._journal = Journal(folder / "journal.sqlite")
        products = demo.rows("select product, product_class from product")
        self.classes: dict[str, str] = dict(products.rows())

    def told(self, name: str) -> Ask:
        """What a viewer is told of its pool; None where that is held back."""
        viewer, pool = VIEWERS[name]
        rows = self._rows(viewer)

        def ask(filters: Filters) -> Counts | None:
            found = [r for r in rows(filters) if r["site"] == pool]
            if not found or found[0]["state"] not in ("data", "zero"):
                return None
            return _sum(found)

        return ask

    def really(self, name: str) -> Ask:
        """What was counted at the sites of that pool."""
        members, rows = self.pooled(name), self._rows(LEAD)
        return lambda asked: _sum([r for r in rows(asked) if r["site"] in members])

    def asked(self, name: str, by: Sequence[str], total: bool) -> list[Row]:
        """Of a viewer's pool, or of all, what it is told by these words."""
        viewer, pool = VIEWERS[name]
        by = by if total else ("site", *by)
        rows = self._rows(viewer, tuple(by))(Filters())
        return [row for row in rows if row.get("site") in ("network", pool)]

    def everything(self, by: Sequence[str]) -> list[Row]:
        """What each site counted, by these words."""
        return self._rows(LEAD, ("site", *by))(Filters())

    def pooled(self, name: str) -> set[str]:
        """The sites behind a viewer's pool."""
        viewer, pool = VIEWERS[name]
        return {site for site, shown in self._scope(viewer) if shown == pool}

    def own(self, name: str) -> set[str]:
        """The sites that a viewer sees by name."""
        return self.everybody - self.pooled(name)

    @property
    def everybody(self) -> set[str]:
        """All members."""
        return {site for site, _ in self._scope(LEAD)}

    def _scope(self, viewer: Viewer) -> list[tuple[str, str]]:
        with asking(self._request(viewer)):
            found = disclosure.scope(queries.current(), viewer, Filters())
        return [*zip(found.site, found.shown, strict=True)]

    def _rows(
        self, viewer: Viewer, by: tuple[str, ...] = ("site",)
    ) -> Callable[[Filters], list[Row]]:
        request, kept = self._request(viewer), dict[str, list[Row]]()

        def rows(filters: Filters) -> list[Row]:
            if (key := filters.to_query()) not in kept:
                with asking(request):
                    kept[key] = queries.counts(viewer, filters, COLUMNS, by).to_dicts()
            return kept[key]

        return rows

    def _request(self, viewer: Viewer) -> Request:
        about = queries.about(self._path.parent, viewer)
        return Request(viewer, self._path.parent, self._journal, about)


def _sum(rows: list[Row]) -> dict[str, int]:
    return {c: sum(row[c] or 0 for row in rows) for c in COLUMNS}
