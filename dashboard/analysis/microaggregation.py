"""Histograms of days in which no day is one patient's.

Within a group of batches those that took about as long share one day, the median of
theirs, so that at least `least` stand behind every day. Univariate microaggregation
(Domingo-Ferrer and Mateo-Sanz, IEEE TKDE 14, 2002): counts are kept, and a quantile
moves by less than the width of the part that it lies in.
"""

from collections.abc import Sequence

import polars as pl

_N = "_of_day"


def microaggregated(
    days: pl.DataFrame, by: Sequence[str], counts: Sequence[str], least: int
) -> pl.DataFrame:
    """`days` (a row a group, `day`, `counts`) with days shared by `least` or more.

    A day of many batches is not torn; a group of fewer than `least` has one day.
    """
    if least <= 1 or days.is_empty():
        return days
    whole = days.with_columns(pl.sum_horizontal(counts).alias(_N))
    ordered = whole.filter(pl.col(_N) > 0).sort(*by, "day")
    rows = ordered.select(*by, "day", _N).rows()
    shared = pl.Series("day", _shared(rows, least), days.schema["day"])
    return (
        ordered.with_columns(shared)
        .group_by(*by, "day", maintain_order=True)
        .agg(pl.col(c).sum() for c in counts)
        .select(days.columns)
    )


def _shared(rows: Sequence[tuple[object, ...]], least: int) -> list[object]:
    """For each row (group, day, batches; in order) the day that it is told with."""
    found: list[object] = []
    for group in _groups(rows):
        parts: list[list[tuple[object, ...]]] = [[]]
        for row in group:
            if _batches(parts[-1]) >= least:
                parts.append([])
            parts[-1].append(row)
        if len(parts) > 1 and _batches(parts[-1]) < least:
            last = parts.pop()
            parts[-1] += last
        for part in parts:
            found += [_median(part)] * len(part)
    return found


def _groups(rows: Sequence[tuple[object, ...]]) -> list[list[tuple[object, ...]]]:
    groups: dict[tuple[object, ...], list[tuple[object, ...]]] = {}
    for row in rows:
        groups.setdefault(row[:-2], []).append(row)
    return [*groups.values()]


def _batches(part: Sequence[tuple[object, ...]]) -> int:
    return sum(int(str(row[-1])) for row in part)


def _median(part: Sequence[tuple[object, ...]]) -> object:
    half, reached = _batches(part) / 2, 0
    for row in part:
        reached += int(str(row[-1]))
        if reached >= half:
            return row[-2]
    return part[-1][-2]
