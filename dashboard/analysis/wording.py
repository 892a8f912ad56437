"""A criterion in words: short enough for a cell, and in full for whoever looks closer.

Open and closed bounds are told apart in both: `> 70 %` is “more than”, `≥ 70 %` is “at
least”. The words of vocabularies come from the contract.
"""

from collections.abc import Sequence
from textwrap import shorten
from typing import Final

from etl.contract.parameters import parameter
from etl.contract.vocabulary import POPULATIONS
from etl.specification import Criterion

_SIGNS: Final = {">": ">", ">=": "≥", "<": "<", "<=": "≤"}
_SAID: Final = {">": "more than", ">=": "at least", "<": "less than", "<=": "at most"}
_RAISED: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_POPULATIONS: Final = {
    "all_cells": "all cells",
    "viable_cells": "viable",
    "tnc": "TNC",
    "mononuclear_cells": "MNC",
    "cells": "cells",
    "dna": "DNA",
    "msc": "MSC",
    "treg": "Treg",
    "transduced_cells": "transduced",
}
_METHODS: Final = {
    "flow-cytometry": "flow",
    "microbiological-examination": "microbiol.",
    "cell-count": "count",
    "count-and-flow-cytometry": "count, flow",
    "visual-inspection": "visual",
    "lal-method-d": "LAL D",
}
# Methods come as slugs, in which acronyms have lost their capitals.
_SPELT: Final = {
    word.lower(): word
    for word in ("LAL", "PCR", "qPCR", "NAT", "ELISA", "USP", "BacT/ALERT", "Gram")
}
_SHORT_GATES: Final = {"provisional": "prov.", "final": "final"}
_LONGEST: Final = 16
GATES: Final = {
    "acceptance": "acceptance",
    "in_process": "in process",
    "provisional": "provisional",
    "final": "final",
    "release": "release",
}


def limit(item: Criterion) -> str:
    """The limit as it fits into a cell, such as `≥ 70 %` or `≥ 3.5×10⁷ cells`.

    Without breaks inside, but for the unit's. A test without a limit is informative.
    """
    if not item.limited:
        return "informative"
    if item.operator == "text":
        return item.text_limit or "-"
    gap = "\u00a0" if item.unit == "%" else " "
    unit = f"{gap}{item.unit}" if item.unit else ""
    if item.operator == "between":
        return f"{figure(item.limit_low)} to {figure(item.limit_high)}{unit}"
    bound = item.limit_high if item.limit_low is None else item.limit_low
    return f"{_SIGNS[item.operator or '']}\u00a0{figure(bound)}{unit}"


def small(items: Sequence[Criterion]) -> str:
    """The line under it: in which cells, by which method, at which gate of two.

    Gates before release stand over the column, and one-stage beside the name.
    """
    parts = dict.fromkeys(
        part
        for item in items
        for part in (
            _short(item.population),
            _method(item.method),
            _SHORT_GATES.get(item.gate, ""),
            "one of several" if item.alternatives else "",
        )
        if part
    )
    return " · ".join(parts)


def full(item: Criterion) -> str:
    """Everything it says in a sentence without abbreviations."""
    parts = [
        _bound(item),
        population(item.population),
        "" if item.method == "-" else f"by {method(item.method)}",
        f"{GATES.get(item.gate, item.gate)} gate",
        "informative" if item.status == "informative" else "",
        _reference(item),
        f"any one of the group “{item.alternatives}” is enough"
        if item.alternatives
        else "",
    ]
    return ", ".join(part for part in parts if part)


def method(code: str) -> str:
    """A method's slug as words: `flow-cytometry`, flow cytometry."""
    return " ".join(_SPELT.get(word, word) for word in code.split("-"))


def population(code: str) -> str:
    """The cells that a figure is counted in, in words; nothing where none apply."""
    return "" if code == "-" else f"in {POPULATIONS.get(code, code)}"


def figure(value: float | None) -> str:
    """A number as a reader writes it: 70, 0.5, 3.5×10⁷."""
    if value is None:
        return ""
    if 0 < abs(value) < 1e5:
        return f"{value:.10g}"
    mantissa, _, power = f"{value:.10e}".partition("e")
    digits = mantissa.rstrip("0").rstrip(".")
    if value == 0:
        return "0"
    tens = f"10{str(int(power)).translate(_RAISED)}"
    return tens if digits == "1" else f"{digits}×{tens}"


def title(code: str) -> str:
    """The parameter's name; a site's own potency assay is named after its code."""
    known = parameter(code)
    return known.title if known else code.replace("_", " ")


def chapter(code: str) -> str | None:
    """The chapter of the European Pharmacopoeia that the test follows, or None."""
    known = parameter(code)
    return f"Ph. Eur. {known.chapter}" if known and known.chapter else None


def _bound(item: Criterion) -> str:
    if not item.limited:
        return "no limit"
    unit = f" {item.unit}" if item.unit else ""
    if item.operator == "between":
        low, high = figure(item.limit_low), figure(item.limit_high)
        return f"from {low} to {high}{unit}, both included"
    if item.operator == "text":
        return f"“{item.text_limit}”"
    said = _SAID[item.operator or ""]
    return f"{said} {limit(item).partition(chr(160))[2]}"


def _short(code: str) -> str:
    if code in ("-", "product"):
        return ""
    return _POPULATIONS.get(code, POPULATIONS.get(code, code).removesuffix(" cells"))


def _method(code: str) -> str:
    if code == "-":
        return ""
    return shorten(_METHODS.get(code, method(code)), _LONGEST, placeholder="…")


def _reference(item: Criterion) -> str:
    """Whose weight, and which volume, a limit per kilogram was fixed with."""
    fixed = {"kg": item.reference_weight_kg, "mL": item.reference_volume_ml}
    said = [f"{figure(v)} {unit}" for unit, v in fixed.items() if v]
    return f"for {' in '.join(said)}" if said else ""
