"""What the choice of a definition of failure does to who is flagged."""

import polars as pl

from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import site_names
from dashboard.rates import compared
from dashboard.viewer import Viewer


def switched(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a definition: the network's rate, and who is flagged under it."""
    rows = []
    for name, definition in DEFINITIONS.items():
        frame = compared(viewer, filters.option("definition", name))
        judged = frame.filter("compared")
        flagged = judged.filter(pl.col("flagged") == "high998")["site"]
        rows.append(
            {
                "definition": definition.title,
                "meaning": definition.meaning,
                "events": int(judged["events"].sum()),
                "n": int(judged["n"].sum()),
                "rate": judged["centre"][0] if judged.height else None,
                "flagged": site_names(flagged.to_list()) or "no site",
                "state": "data" if judged.height else "not_applicable",
                "reason": None if judged.height else "no site can be compared",
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _said(frame: pl.DataFrame) -> str:
    kinds = frame["flagged"].n_unique()
    if kinds == 1:
        return "Every definition of failure leads to the same sites being flagged."
    return (
        f"The definition matters: {kinds} different lists of flagged sites come from"
        f" {frame.height} definitions. Papers differ in which one they use."
    )


CARD = Card(
    "failure-definitions",
    "What changes if you switch the definition",
    switched,
    _said,
    columns=(
        Column("definition", "Definition"),
        Column("meaning", "What counts"),
        Column("events", "Failures", "count"),
        Column("n", "Batches", "count"),
        Column("rate", "Network rate", "percent"),
        Column("flagged", "Above the 99.8 % limit"),
    ),
    count=lambda f: f"{f.height} definitions",
)
