"""Methods: every metric as it is declared, and how figures are to be read."""

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components import aria, legend
from dashboard.filters import Filters
from dashboard.metric import Metric
from dashboard.metrics import DEFINITIONS, METRICS
from dashboard.pages import _coverage
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

_DIRECTIONS = {
    "higher": "Higher is better.",
    "lower": "Lower is better.",
    "neither": "Neither direction is good by itself.",
}


def _reading(_viewer: Viewer, _filters: Filters) -> Component:
    return html.Div(
        [
            _comparing(),
            _blinding(),
            _states(),
            _disclosing(),
            _definitions(),
            _metrics(),
        ]
    )


def _comparing() -> Component:
    return html.Section(
        [
            html.H2("How sites are compared"),
            html.P(
                "There is no league table. A site is set against limits around the"
                " network's rate that widen as its numbers shrink. It is flagged only"
                " by counting: more failures than the 99.9 % quantile of the binomial"
                " at its size, or fewer than the 0.1 % one (99.8 % limits; 95 % limits"
                " are the 97.5 % and 2.5 % quantiles). The drawn curve is interpolated"
                " between neighbouring counts (Spiegelhalter 2005,"
                " doi:10.1002/sim.1970); where the two differ, the count decides."
            ),
            html.P(
                "Intervals of one proportion are exact (Clopper and Pearson 1934)."
                " Every site also says at how many failures it would be flagged, and"
                " how likely a doubled rate would be seen at all. What the limits"
                " really hold stands in the table at the end of this page; how often"
                " charts over time give a false alarm stands on Over time."
            ),
            html.P(
                "Durations are medians and 90th percentiles of cumulative incidence"
                " (Aalen and Johansen 1978): what is still running is censored on the"
                " network's day, a batch that failed can no longer get there."
            ),
            html.P(
                "Periods count whole weeks by their Monday. Validation and engineering"
                " runs, and centres before GMP, count in no rate."
            ),
        ],
        className="card-figure",
    )


def _blinding() -> Component:
    return html.Section(
        [
            html.H2("How peers stay unnamed"),
            html.P(
                "A site sees each compared peer under an alias, in one of five steps"
                " about the network's rate, over all batches of a release. Aliases are"
                " drawn by HMAC-SHA-256 (RFC 2104) from the network's secret, the"
                " reader, the release and the figure. Fewer than five unnamed peers are"
                " one pool."
            ),
            html.P(
                "Before that is shown it is attacked: in 1,000 networks of the same"
                " volumes, marks are put to sites by the likeliest assignment (Kuhn"
                " 1955, doi:10.1002/nav.3800020109) of a reader who knows each volume"
                " within 5 %, the network's rate, and how far true rates differ. The"
                " upper 95 % limit (Clopper and Pearson 1934) of the share linked must"
                " stay within 1 / sites + 5 %; otherwise bands of volume give way to"
                " none, and marks to the pool."
            ),
        ],
        className="card-figure",
    )


def _states() -> Component:
    return html.Section(
        [html.H2("The five states of a figure"), legend()], className="card-figure"
    )


def _disclosing() -> Component:
    return html.Section(
        [
            html.H2("What is told of sites that are not seen by name"),
            html.P(
                "Sites that a reader does not see by name are one pool, told in blocks:"
                " of a product and a pathway, over one quarter or several. Every figure"
                " is a sum of such blocks. A filter that holds only a part of a block"
                " leaves all of it out, and the page says how"
                " many are left out and which selection shows more. Blocks are chosen"
                " when the data are published, the same for every account, so that"
                " they blur least."
            ),
            html.Ol([html.Li(reason) for reason in _WHY_SAFE]),
            html.P(
                "Least count, fewest contributors and dominance are the usual rules of"
                " tables (Hundepool et al. 2012, Statistical Disclosure Control,"
                " chapter 4; least counts are mostly 5, 8 or 10). Days of a pool are"
                " shared by as many batches as the least count (microaggregation,"
                " Domingo-Ferrer and Mateo-Sanz 2002). Where counts are rounded, each"
                " block is, after it was found safe; a sum of many blocks may be off by"
                " more than one."
            ),
            html.P(
                "Not in blocks yet, but held back answer by answer where a count is"
                " small: slots, their use and waiting by week. Differences between two"
                " different figures, such as released less infused, are not guarded."
            ),
        ],
        className="card-figure",
    )


_WHY_SAFE = (
    "A block counts nothing, or enough batches from at least five sites of which none"
    " dominates; also when any one site or region takes away what it knows of itself.",
    "A figure is told on one set of blocks only, so a difference of two answers is made"
    " of safe blocks again.",
    "Another figure, such as failures, is told on unions of the same blocks: the two"
    " never overlap in a smaller piece.",
    "A figure and the rest of its total are both safe in every block.",
    "What is small over all time is joined with a sibling pathway or product, or is in"
    " no sum at all.",
)


def _definitions() -> Component:
    text = "\n\n".join(
        f"**{d.title}.** {d.meaning} Out of {d.denominator}."
        for d in DEFINITIONS.values()
    )
    return html.Section(
        [
            html.H2("What counts as failure"),
            html.P(
                "Papers differ, so the reader switches; each page names the definition"
                " in force."
            ),
            dcc.Markdown(text),
        ],
        className="card-figure",
    )


def _metrics() -> Component:
    return html.Section(
        [
            html.H2("Metrics"),
            html.Nav(
                html.Ul(
                    [
                        html.Li(html.A(metric.title, href=f"#{metric.id}"))
                        for metric in METRICS.values()
                    ],
                    className="choices",
                ),
                **aria(label="Metrics"),
            ),
            html.Div([_metric(m) for m in METRICS.values()], className="metrics"),
        ],
        className="card-figure",
    )


def _metric(metric: Metric) -> Component:
    counted = metric.numerator.words.rstrip(".")
    if metric.denominator is not None:
        counted = f"{counted}, out of {metric.denominator.words}"
    facts = (
        ("Why it matters", metric.why),
        ("What is counted", _sentence(counted)),
        ("Left out", _sentence(metric.exclusions)),
        ("Direction", _DIRECTIONS[metric.direction]),
        ("Comes from", _sentence(metric.source)),
        (
            "Answered for by",
            f"The {metric.owner}, reviewed {metric.reviewed:%-d %b %Y}.",
        ),
    )
    text = "\n\n".join(f"**{name}.** {fact}" for name, fact in facts)
    return html.Article(
        [html.H3(metric.title), dcc.Markdown(text)], id=metric.id, className="metric"
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:].rstrip('.')}."


register(
    __name__,
    Page(
        "/methods",
        "Methods",
        "What each figure counts, of what, and who answers for it.",
        order=90,
        shown=(),
        top=_reading,
        cards=(_coverage.CARD,),
    ),
)
