"""What the choice of a definition of failure does to who is flagged."""

from collections.abc import Mapping

import polars as pl

from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import site_names
from dashboard.rates import compared
from dashboard.viewer import Viewer

_SCHEMA: Mapping[str, pl.DataType] = {
    **dict.fromkeys(("definition", "meaning"), pl.String()),
    "in_force": pl.Boolean(),
    **dict.fromkeys(("events", "n"), pl.Int64()),
    "rate": pl.Float64(),
    **dict.fromkeys(("flagged", "gained", "lost"), pl.List(pl.String)),
    **dict.fromkeys(("state", "reason"), pl.String()),
}


def switched(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a definition: the network's rate, who is flagged, and what that changes.

    `gained` are sites flagged under it that are not under the definition in force,
    `lost` those that only the definition in force flags.
    """
    high = {name: _high(viewer, filters, name) for name in DEFINITIONS}
    now = high[filters.definition][1]
    rows = []
    for name, (judged, flagged) in high.items():
        some = judged.height > 0
        rows.append(
            {
                "definition": DEFINITIONS[name].title,
                "meaning": DEFINITIONS[name].meaning,
                "in_force": name == filters.definition,
                "events": int(judged["events"].sum()) if some else None,
                "n": int(judged["n"].sum()) if some else None,
                "rate": judged["centre"][0] if some else None,
                "flagged": flagged if some else None,
                "gained": [s for s in flagged if s not in now] if some else None,
                "lost": [s for s in now if s not in flagged] if some else None,
                "state": "data" if some else "not_applicable",
                "reason": None if some else "no site can be compared",
            }
        )
    return pl.DataFrame(rows, schema=_SCHEMA)


def _high(
    viewer: Viewer, filters: Filters, name: str
) -> tuple[pl.DataFrame, list[str]]:
    """The sites that are compared under a definition, and which of them it flags."""
    frame = compared(viewer, filters.option("definition", name)).filter("compared")
    high = frame.filter(pl.col("flagged") == "high998")["site"].sort()
    return frame, [str(site) for site in high]


def _said(frame: pl.DataFrame) -> str:
    now = frame.row(by_predicate=pl.col("in_force"), named=True)
    force = now["definition"].lower()
    if now["flagged"] is None:
        return f"No site can be compared by the definition in force, {force}."
    others = frame.filter(~pl.col("in_force")).drop_nulls("flagged").to_dicts()
    changed = [_change(row) for row in others if row["gained"] or row["lost"]]
    same = (
        f"By “{force}”, the definition in force, these are above the limit:"
        f" {site_names(now['flagged']) or 'no site'}."
    )
    if not changed:
        return f"{same} No other definition changes that. Lower rates are better."
    return (
        f"{same} If you switch, {len(changed)} of the {len(others)} others change that:"
        f" {'; '.join(changed)}. Lower rates are better; papers differ in which"
        " one they use."
    )


def _change(row: Mapping[str, list[str]]) -> str:
    gained, lost = (len(row[c]) for c in ("gained", "lost"))
    parts = [f"+{gained}"] * bool(gained) + [f"−{lost}"] * bool(lost)
    return f"{str(row['definition']).lower()} ({', '.join(parts)})"


CARD = Card(
    "failure-definitions",
    "What changes if you switch the definition",
    switched,
    _said,
    columns=(
        Column("definition", "Definition"),
        Column("in_force", "In force"),
        Column("events", "Failures", "count"),
        Column("n", "Batches", "count"),
        Column("rate", "Network rate", "percent"),
        Column("gained", "Flagged in addition", "sites"),
        Column("lost", "No longer flagged", "sites"),
    ),
    count=lambda f: f"{f.height} definitions",
    note="Flagged is who lies above the 99.8 % limit. What each definition counts is"
    " said above when it is chosen, and on Methods.",
)
