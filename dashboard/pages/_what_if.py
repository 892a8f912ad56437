"""What the cards of the What-if page share: the scenario of the address, in words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from dashboard import whatif
from dashboard.filters import Filters
from dashboard.names import site_name, some, words
from dashboard.simulation.scenario import KEYS, Scenario
from dashboard.viewer import Viewer
from dashboard.whatif import Study

PATH: Final = "/what-if"
METRIC: Final = "ordered_infused"
NOTHING: Final = "Nothing is changed yet; choose a measure above."
RANGE: Final = (
    "Each range holds 95 % of the simulated years: so uncertain is one year of this"
    " network. Scenario and record share their luck, so a difference is the scenario's."
)


def studied(viewer: Viewer, filters: Filters) -> Study:
    """The scenario of the address, lived through."""
    scenario, _ = whatif.asked(viewer, filters)
    return whatif.study(viewer, scenario)


def with_scenario(filters: Filters, scenario: Scenario) -> Filters:
    """The address of another scenario, the page's other options kept."""
    kept = {k: v for k, v in filters.extra.items() if k not in KEYS}
    return replace(filters, extra={**kept, **scenario.written()})


def said(scenario: Scenario) -> list[tuple[str, str, str]]:
    """Each measure in words, with its key and what it names in the address."""
    found = [("close", s, f"{site_name(s)} closed for {some(int(n), 'week')}")
             for s, n in scenario.close.items()]  # fmt: skip
    for key, what in (("staff", "by staff"), ("device", "by devices")):
        found += [
            (key, s, f"{site_name(s)} {n:+g} starts a week {what}".replace("-", "−"))
            for s, n in getattr(scenario, key).items()
        ]
    found += [("vector", v, f"no {words(v)} vector for {some(int(n), 'week')}")
              for v, n in scenario.vector.items()]  # fmt: skip
    found += [("laboratory", v, f"{site_name(v)}: results {some(int(n), 'day')} later")
              for v, n in scenario.laboratory.items()]  # fmt: skip
    found += [("demand", r, f"orders from {r} × {n:g}")
              for r, n in scenario.demand.items()]  # fmt: skip
    if scenario.divert is not None:
        found.append(("divert", "", _far(scenario.divert)))
    return found


def without(scenario: Scenario, key: str, name: str) -> Scenario:
    """The scenario with one measure taken away."""
    if key == "divert":
        return replace(scenario, divert=None)
    sizes: Mapping[str, float] = getattr(scenario, key)
    kept = {k: v for k, v in sizes.items() if k != name}
    return replace(scenario, **{key: kept})  # type: ignore[arg-type]


def _far(most: float) -> str:
    if most == float("inf"):
        return "patients diverted to the nearest authorised site, however far"
    return f"patients diverted to the nearest authorised site within {most:,.0f} km"
