"""The choices that pages about criteria share: which product, and whose criteria."""

from collections.abc import Sequence
from dataclasses import replace

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components import aria
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.pages._specifications import Asked, Subject


def subject_links(
    subjects: Sequence[Subject], question: Asked, filters: Filters, path: str
) -> Component:
    """A link for each product, with the number of its specifications."""
    links = [_link(subject, question, filters, path) for subject in subjects]
    return html.Nav(html.Ul(links), className="switch", **aria(label="Product"))


def whose_criteria(filters: Filters, path: str) -> Component:
    """The switch that lays published programmes beside the members."""
    options = [("0", "Members"), ("1", "Members and published programmes")]
    return switch("Whose criteria", filters, path, "published", options)


def _link(subject: Subject, question: Asked, filters: Filters, path: str) -> Component:
    """Sets the shared filter; of the page's own options only whose criteria stays."""
    words = f"{subject.title} ({subject.specifications})"
    if subject == question.subject:
        return html.Li(html.Span(words, **aria(current="true")))
    product = (subject.product,) if subject.product else ()
    of = () if subject.product else (subject.product_class,)
    kept = {k: v for k, v in filters.extra.items() if k == "published"}
    there = replace(filters, product=product, product_class=of, extra=kept)
    return html.Li(dcc.Link(words, href=path + there.to_query()))
