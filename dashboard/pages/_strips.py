"""Each site's failures over time as a strip: points, limits, signals, changes."""

from html import escape
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard import figures
from dashboard.analysis import alarms
from dashboard.charting import (
    PLAIN,
    RULE_SETS,
    SUMS,
    asked_rules,
    marks,
    site_charts,
)
from dashboard.components import Kind, written
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.viewer import Viewer

_UNITS = {
    "p": "share of batches, lower is better",
    "laney": "share of batches (Laney), lower is better",
    "g": "good batches between failures, higher is better",
    "t": "days between failures, higher is better",
    "cusum": "CUSUM against its own past, lower is better",
    "adjusted": "CUSUM against its mix of work, lower is better",
}
_SCALES = {"p": "share", "laney": "share", "cusum": "sum", "adjusted": "sum"}
_SIGNS = {"worse": "◆", "better": "■", "pattern": "★"}
SIDES = tuple(_SIGNS)
_GOOD = " On p charts lower is better, on g and t charts higher is."


def charts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a point of each site's chart, and one a change or note beside them."""
    points = site_charts(viewer, filters)
    rows = [_pointed(row) for row in points.to_dicts()]
    charted = {row["site"] for row in rows if row["x"] is not None}
    rows += [
        {**{c: mark[c] for c in ("site", "x", "what")}, "words": _written(mark)}
        for mark in marks(viewer, filters).to_dicts()
        if mark["site"] in charted
    ]
    frame = pl.DataFrame(rows, schema=_CHARTED, orient="row")
    return frame.with_columns(
        pl.lit(RULE_SETS[asked_rules(filters)]).alias("rules"),
        pl.col("state").fill_null("data"),
    )


_CHARTED = {
    "site": pl.String,
    "what": pl.String,
    "chart": pl.String,
    "x": pl.Date,
    "events": pl.Int64,
    "n": pl.Int64,
    "value": pl.Float64,
    "centre": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "limits": pl.String,
    "phase": pl.Int64,
    "signal": pl.String,
    "side": pl.String,
    "words": pl.String,
    "state": pl.String,
    "reason": pl.String,
}


def _pointed(row: dict[str, Any]) -> dict[str, Any]:
    sides = row.get("sides") or []
    side = next((s for s in SIDES if s in sides), None)
    signal = "; ".join(row.get("signals") or []) or None
    return {**{c: row.get(c) for c in _CHARTED}, "what": "point",
            "signal": signal, "side": side}  # fmt: skip


def _written(mark: dict[str, Any]) -> str:
    when = f", written {written(mark['at'], 'date')} UTC" if mark["at"] else ""
    return f"{mark['words']} ({mark['who']}{when})"


def said(frame: pl.DataFrame) -> str:
    """Which sites have a signal, and how many would have one by chance alone."""
    points = frame.filter(pl.col("what") == "point")
    judged = points.filter(pl.col("centre").is_not_null())
    if judged.is_empty():
        return (
            "No site has enough points for limits in this selection."
            f"{_direction(points)}"
        )
    sites = judged["site"].n_unique()
    words = [_listed(judged, side) for side in SIDES]
    found = judged.filter(pl.col("side").is_not_null())["site"].n_unique()
    by_chance = sum(
        alarms.chance(chart, _rules(frame), n)
        for _, chart, n in judged.group_by("site", "chart").len().iter_rows()
    )
    charts = "chart" if sites == 1 else "charts"
    return (
        f"{found or 'No signal: 0'} of {sites} {charts} with limits"
        f" {'has' if found == 1 else 'have'} a signal by {_by(judged)}"
        f"{''.join(words)}. If {_unchanged(judged)}, chance alone would"
        f" give about {by_chance:.1f} of {sites} {charts} one.{_direction(judged)}"
    )


def _unchanged(judged: pl.DataFrame) -> str:
    """What nothing to signal would mean: no change, or what the network expects."""
    adjusted = (judged["chart"] == "adjusted").any()
    return "all went as expected" if adjusted else "nothing had changed anywhere"


def _by(judged: pl.DataFrame) -> str:
    """What makes a signal here: the rule set, a sum's limit, or either."""
    summed = judged["chart"].is_in(SUMS)
    ways = [f"the {judged['rules'][0]} rules"] if not summed.all() else []
    if summed.any():
        ways.append("a sum that reached its limit")
    return " or ".join(ways)


def _direction(points: pl.DataFrame) -> str:
    """Which way is good, for the charts there are."""
    summed = points["chart"].is_in(SUMS)
    told = "" if summed.all() else _GOOD
    if summed.any():
        told += (
            " On CUSUM charts lower is better: a sum that climbs means more failures"
            " than expected."
        )
    return told


def _listed(judged: pl.DataFrame, side: str) -> str:
    sites = judged.filter(pl.col("side") == side)["site"].unique().sort().to_list()
    return f"; {side}: {site_names(sites)}" if sites else ""


def _rules(frame: pl.DataFrame) -> Any:
    return next(r for r, title in RULE_SETS.items() if title == frame["rules"][0])


def drawn(frame: pl.DataFrame) -> list[go.Figure]:
    """The strips of all sites, in two columns where there are many."""
    points = frame.filter(pl.col("what") == "point", pl.col("x").is_not_null())
    titles = {
        str(site): _title(rows.sort("x"))
        for (site,), rows in points.group_by("site", maintain_order=True)
    }
    ordered = frame.sort("site", "x")
    rows = ordered.with_columns(
        pl.col("site").alias("panel"),
        pl.col("site").replace_strict(titles, default="").alias("title"),
        pl.col("chart").replace_strict(_SCALES, default="gap").alias("scale"),
        pl.Series("hover", [_hover(row) for row in ordered.to_dicts()], pl.String),
    )
    return figures.strips(rows)


def _title(points: pl.DataFrame) -> str:
    """A strip's heading: site and unit; with signals, the latest in words."""
    last = points.row(-1, named=True)
    lines = [site_name(last["site"]), _UNITS[last["chart"]]]
    if last["limits"] == "none":
        lines[-1] += "; no limits yet"
    elif last["limits"] == "provisional":
        lines[-1] += "; provisional"
    found = points.filter(pl.col("side").is_not_null())
    if found.height:
        latest = found.row(-1, named=True)
        day = written(latest["x"], "date")
        sign = _SIGNS[latest["side"]]
        rule = latest["signal"].split("; ")[0]
        lines.append(f"{sign} {latest['side']}, {day}: {rule}")
    return "\n".join(lines)


def _hover(row: dict[str, Any]) -> str:
    site, day = site_name(row["site"]), written(row["x"], "date")
    if row["what"] != "point":
        return f"<b>{site}</b>, {day}<br>{row['what']}: {escape(row['words'])}"
    lines = [f"<b>{site}</b>, {_day(row['chart'])}{day}"]
    if row["value"] is None:
        return "<br>".join([*lines, str(row["reason"] or "no value")])
    if row["chart"] in SUMS:
        lines += [
            f"sum {written(row['value'], 'number')}; the limit is"
            f" {written(row['upper'], 'number')} ({row['limits']})",
            f"{some(row['n'], 'batch', 'batches')} since the failure before",
        ]
    elif row["chart"] in PLAIN:
        share = written(row["value"], "percent")
        lines.append(f"{share}: {row['events']} of {row['n']} batches failed")
    else:
        unit = "good batches" if row["chart"] == "g" else "days"
        lines.append(
            f"{written(row['value'], 'count')} {unit} since the failure before"
        )
    if row["centre"] is not None and row["chart"] not in SUMS:
        kind: Kind = "percent" if row["chart"] in PLAIN else "number"
        low, mid, high = (written(row[c], kind) for c in ("lower", "centre", "upper"))
        lines.append(f"centre {mid}, {row['limits']} limits {low} to {high}")
    if row["signal"]:
        lines.append(f"{row['side']}: {row['signal']}")
    return "<br>".join(lines)


def _day(chart: str | None) -> str:
    return "quarter from " if chart in PLAIN else "failure closed "
