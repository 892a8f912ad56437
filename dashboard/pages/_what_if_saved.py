"""Saved scenarios: side by side with the one of the address, and saving it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl
from dash import Input, Output, State, callback, dcc, html
from dash.development.base_component import Component

from dashboard import scenarios, whatif
from dashboard.card import Card
from dashboard.components import Column, aria, written
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.pages._draft_levers import from_query
from dashboard.pages._what_if import PATH, RANGE, said, with_scenario
from dashboard.pages._what_if_making import SOME
from dashboard.pages._what_if_method import method
from dashboard.scenarios import LONGEST, NotSavedError, Saved
from dashboard.simulation.scenario import Scenario
from dashboard.simulation.summary import making, patients
from dashboard.simulation.tally import YEAR
from dashboard.viewer import Viewer, current_request

# Each one more is simulated when it is asked for.
MOST: Final = 5


def side_by_side(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a scenario: the record, the address's own, and those asked for."""
    mine, _ = whatif.asked(viewer, filters)
    rows = [_row(viewer, "as recorded", Scenario())]
    if not mine.is_base:
        rows.append(_row(viewer, "this scenario", mine))
    rows += [_row(viewer, s.name, s.scenario) for s in _beside(viewer, filters)]
    return pl.DataFrame(rows).with_columns(
        state=pl.lit("data"), reason=pl.lit(None, pl.String)
    )


def _beside(viewer: Viewer, filters: Filters) -> Sequence[Saved]:
    asked = filters.extra.get("with", "").split(",")
    return [s for s in scenarios.saved(viewer) if str(s.number) in asked][:MOST]


def _row(viewer: Viewer, name: str, scenario: Scenario) -> dict[str, object]:
    study = whatif.study(viewer, scenario)
    sites = study.model.sites
    people = patients(study.base, study.other, [("network", range(len(sites)))])
    made = making(study.base, study.other, sites, study.slots)
    taking = made.filter(pl.col("absorbed") >= SOME)
    taken = [
        f"{site_name(site)} ({starts:.1f})"
        for site, starts in taking.sort("absorbed", descending=True)
        .select("site", "absorbed")
        .iter_rows()
    ]
    row = people.row(0, named=True)
    return {
        "scenario": name,
        "changed": "; ".join(text for _, _, text in said(scenario)) or "nothing",
        **{c: row[c] for c in ("days", "added", "added_low", "added_high", "late")},
        "more_late": row["more_late"],
        "lost": row["lost"],
        "waiting": float(study.other.waiting[:, :, YEAR].sum(1).mean()),
        "absorbs": taken[0] if taken else "nobody",
        "unused": made["unused"].sum(),
    }


def _side_by_side_said(frame: pl.DataFrame) -> str:
    others = frame[1:]
    if others.is_empty():
        return (
            "Only the network as recorded stands here yet: change something above, or"
            " choose a saved scenario below. Fewer days and fewer late are better."
        )
    least = others.sort("more_late").row(0, named=True)
    return (
        f"{some(others.height, 'scenario').capitalize()} beside the record; the fewest"
        f" late patients has “{least['scenario']}” ({least['more_late']:+.1f} a year)."
        " Fewer days and fewer late are better."
    ).replace("(-", "(−")


CARD: Final = Card(
    "what-if-beside",
    "Scenarios side by side",
    side_by_side,
    _side_by_side_said,
    columns=(
        Column("scenario", "Scenario"),
        Column("changed", "What is changed"),
        Column("days", "Mean days", "number"),
        Column("added", "Added", "number"),
        Column("added_low", "95 % from", "number"),
        Column("added_high", "to", "number"),
        Column("late", "Late patients", "number"),
        Column("more_late", "More", "number"),
        Column("lost", "Give up", "number"),
        Column("waiting", "Waiting at the end", "number"),
        Column("absorbs", "Absorbs most"),
        Column("unused", "Slots unused", "number"),
    ),
    note=RANGE,
)


def foot(viewer: Viewer, filters: Filters) -> Component:
    """How it is simulated, the saved scenarios, and the form to save this one."""
    scenario, _ = whatif.asked(viewer, filters)
    parts: list[Component] = [method()]
    if scenarios.may_save(viewer):
        here = with_scenario(filters, scenario)
        parts.append(
            html.Section(
                [
                    html.H2("Saved scenarios", id="what-if-saved"),
                    html.Div(
                        _listed(viewer, here),
                        id="scenarios-listed",
                        **aria(live="polite"),
                    ),
                    *_form(),
                ],
                className="card-figure",
                **aria(labelledby="what-if-saved"),
            )
        )
    return html.Div(parts)


def _listed(viewer: Viewer, here: Filters) -> list[Component]:
    saved = scenarios.saved(viewer)
    if not saved:
        return [
            html.P("No scenario is saved yet. The address itself can always be shared.")
        ]
    return [html.Ul([_line(each, here) for each in reversed(saved)])]


def _line(each: Saved, here: Filters) -> Component:
    own = with_scenario(Filters(), each.scenario).to_query()
    asked = [n for n in here.extra.get("with", "").split(",") if n]
    there = str(each.number) in asked
    numbers = [n for n in asked if n != str(each.number)]
    numbers += [] if there else [str(each.number)]
    toggled = replace(here, extra={**here.extra, "with": ",".join(numbers)})
    words = "take away from the comparison" if there else "compare"
    of = html.Span(f": {each.name}", className="visually-hidden")
    return html.Li(
        [
            dcc.Link(each.name, href=PATH + own),
            f": {each.why} ({Viewer.parse(each.by).title},"
            f" {written(each.at, 'date')}) ",
            dcc.Link([words, of], href=PATH + toggled.to_query()),
        ]
    )


def _form() -> list[Component]:
    name = dcc.Input(id="scenario-name", maxLength=100, className="form-control")
    why = dcc.Textarea(id="scenario-why", maxLength=LONGEST, className="form-control")
    return [
        html.H3("Save this scenario"),
        html.P(
            "It is kept as an address and simulated again, on the records of the day,"
            " when it is opened. The lead reads all; the lead's are read by whoever"
            " sees every site that they name. Nothing is overwritten.",
            className="note",
        ),
        html.Label([html.Span("Name"), name], className="filter"),
        html.Label(
            ["What is it to answer? Name no patient.", why], className="note-form"
        ),
        html.Button(
            "Save scenario", id="scenario-save", className="btn btn-primary btn-sm"
        ),
        html.Div(id="scenario-said", className="note", **aria(live="polite")),
    ]


@callback(
    Output("scenario-said", "children"),
    Output("scenarios-listed", "children"),
    Input("scenario-save", "n_clicks"),
    State("scenario-name", "value"),
    State("scenario-why", "value"),
    State("what-if-query", "data"),
    prevent_initial_call=True,
)
def _save(
    _clicks: int, name: str | None, why: str | None, query: str
) -> tuple[Component, list[Component]]:
    viewer = current_request().viewer
    here = from_query(query)
    scenario, _ = whatif.asked(viewer, here)
    given: Mapping[str, str | None] = {"name": name, "why": why}
    try:
        scenarios.save(scenario, given)
        text = html.P(f"Saved as “{(name or '').strip()}”.")
    except NotSavedError as error:
        text = html.P(f"Nothing was saved. {error}", role="alert")
    return text, _listed(viewer, here)
