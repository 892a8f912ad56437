"""Frames to figures: one module a kind of chart, no data access, no statistics.

Every function takes disclosed rows with `state` and `reason` and draws only those in
state data or zero; with none, it draws a sentence that says why.
"""

from dashboard.figures.bars import pareto, stacked_bars
from dashboard.figures.blinded import blinded
from dashboard.figures.canvas import empty
from dashboard.figures.caterpillar import caterpillar
from dashboard.figures.differences import differences
from dashboard.figures.frontier import frontier
from dashboard.figures.funnel import funnel
from dashboard.figures.matrix import matrix
from dashboard.figures.parts import parts
from dashboard.figures.percentiles import percentiles
from dashboard.figures.places import places
from dashboard.figures.provisional import provisional
from dashboard.figures.ratios import ratios
from dashboard.figures.scores import scores
from dashboard.figures.series import series
from dashboard.figures.site_bars import site_bars
from dashboard.figures.spread import histogram, quantiles
from dashboard.figures.steps import steps
from dashboard.figures.strips import strips
from dashboard.figures.timeline import timeline
from dashboard.figures.tree import tree
from dashboard.figures.triangle import triangle
from dashboard.figures.waterfall import waterfall

__all__ = [
    "blinded",
    "caterpillar",
    "differences",
    "empty",
    "frontier",
    "funnel",
    "histogram",
    "matrix",
    "pareto",
    "parts",
    "percentiles",
    "places",
    "quantiles",
    "provisional",
    "ratios",
    "scores",
    "series",
    "site_bars",
    "stacked_bars",
    "steps",
    "strips",
    "timeline",
    "tree",
    "triangle",
    "waterfall",
]
