"""One strip of small multiples: its height, its scale, and its runs of points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from statistics import median
from typing import Any, Literal

import polars as pl

Row = dict[str, Any]
Scale = Literal["share", "gap", "sum"]

AREA, LINE, GAP = 58, 15, 14


@dataclass(frozen=True)
class Strip:
    """One site's rows and where its strip lies: `base` and scale in pixels."""

    lines: Sequence[str]
    points: Sequence[Row]
    marks: Sequence[Row]
    top: float
    scale: Scale

    @property
    def height(self) -> float:
        """Its title lines, the words of its marks, the drawing and the years."""
        over = LINE if self.marks else LINE / 2
        return LINE * (len(self.lines) + 1) + over + AREA

    @property
    def base(self) -> float:
        """Where zero lies."""
        return self.top - self.height + LINE

    @property
    def most(self) -> float:
        """The top of the scale: every value fits, a limit wide for few batches not."""
        values = [p["value"] for p in self.points if p["value"] is not None]
        uppers = [p["upper"] for p in self.points if p["upper"] is not None]
        usual = 1.15 * median(uppers) if uppers else 0.0
        return max([min(usual, max(uppers, default=0.0)), *values], default=0.0) or 1.0

    def y(self, value: float | None) -> float | None:
        """The height of a value: gaps by their square root, all else straight."""
        if value is None:
            return None
        part = min(max(value, 0.0) / self.most, 1.0)
        return (
            self.base + AREA * (math.sqrt(part) if self.scale == "gap" else part) * 0.96
        )


def laid(frame: pl.DataFrame) -> tuple[list[Strip], float]:
    """The strips from the first at the top down, with their total height."""
    found: list[Strip] = []
    top = 0.0
    for _, rows in frame.group_by("panel", maintain_order=True):
        points = rows.filter(pl.col("what") == "point").sort("x").to_dicts()
        if not points:
            continue
        marks = rows.filter(pl.col("what") != "point").sort("x").to_dicts()
        lines = str(points[0]["title"]).split("\n")
        strip = Strip(lines, points, marks, top, points[0]["scale"])
        found.append(strip)
        top -= strip.height + GAP
    return [replace(strip, top=strip.top - top) for strip in found], -top


def runs(strip: Strip, column: str) -> list[list[Row]]:
    """Points side by side that have `column`, never across a gap or a new phase."""
    found: list[list[Row]] = []
    before: Row | None = None
    for point in strip.points:
        if point[column] is not None:
            apart = before is None or before[column] is None
            if apart or (before and before["phase"] != point["phase"]):
                found.append([])
            found[-1].append(point)
        before = point
    return found


def edges(run: Sequence[Row]) -> list[datetime]:
    """Where each point's stretch of limits begins and ends: half way to the next."""
    days = [datetime.combine(p["x"], time()) for p in run]
    middles = [a + (b - a) / 2 for a, b in zip(days, days[1:], strict=False)]
    first = days[0] - (middles[0] - days[0] if middles else timedelta(days=45))
    last = days[-1] + (days[-1] - middles[-1] if middles else timedelta(days=45))
    return [first, *middles, last]


def stepped(
    strip: Strip, run: Sequence[Row], column: str
) -> tuple[list[datetime], list[float | None]]:
    """A run of limits as steps: each holds from half way before to half way after."""
    ends = edges(run)
    x = [end for i in range(len(run)) for end in (ends[i], ends[i + 1])]
    return x, [strip.y(p[column]) for p in run for _ in range(2)]
