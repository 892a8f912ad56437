"""A plain drawing of cost against size, both on logarithmic axes, as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, BELOW, RIGHT, ABOVE = 760, 420, 70, 50, 150, 50
# Colour never speaks alone: each line has a dash and its words at its end.
STYLES = (("#0072b2", ""), ("#e69f00", "8 4"), ("#6b6b6b", "2 4"))


@dataclass(frozen=True)
class Line:
    """What a line is called, and its points."""

    words: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    """Whole powers of ten between two places on the paper."""

    low: int
    high: int
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def marks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    return _Axis(low, high, start, end)


def plotted(title: str, axes: tuple[str, str], lines: Sequence[Line]) -> str:
    """The SVG: one line for each, a grid at whole powers of ten."""
    points = [point for line in lines for point in line.points]
    across = _axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = _axis([y for _, y in points], HEIGHT - BELOW, ABOVE)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="13" role="img"><title>{escape(title)}'
        '</title><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        *_grid(across, up, axes),
        *(_drawn(line, *STYLES[i], across, up) for i, line in enumerate(lines)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(across: _Axis, up: _Axis, axes: tuple[str, str]) -> list[str]:
    lines = []
    for mark in across.marks:
        x = across.at(mark)
        lines.append(
            f'<path d="M{x:.1f} {up.start}V{up.end}" stroke="#ddd"/><text x="{x:.1f}" '
            f'y="{up.start + 18}" text-anchor="middle">{mark:,.0f}</text>'
        )
    for mark in up.marks:
        y = up.at(mark)
        lines.append(
            f'<path d="M{across.start} {y:.1f}H{across.end}" stroke="#ddd"/><text '
            f'x="{across.start - 8}" y="{y + 4:.1f}" text-anchor="end">{mark:g}</text>'
        )
    middle = (across.start + across.end) / 2
    lines.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">'
                 f"{axes[0]}</text>")  # fmt: skip
    lines.append(f'<text x="8" y="{ABOVE - 8}">{axes[1]}</text>')
    return lines


def _drawn(line: Line, colour: str, dash: str, across: _Axis, up: _Axis) -> str:
    places = [(across.at(x), up.at(y)) for x, y in sorted(line.points)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places)
    x, y = places[-1]
    return (
        f'<g fill="{colour}"><path d="{path}" fill="none" stroke="{colour}" '
        f'stroke-width="2" stroke-dasharray="{dash}"/>{dots}'
        f'<text x="{x + 10:.1f}" y="{y + 4:.1f}">{escape(line.words)}</text></g>'
    )
