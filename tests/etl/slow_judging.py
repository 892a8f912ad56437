"""The slow, obvious way to judge a batch: one criterion after the other."""

from datetime import date
from fractions import Fraction

from etl.contract.parameters import meaning

TINY, HUGE = Fraction(1, 10**9), Fraction(10**15)
POPULATIONS = {"cells": ["all_cells"], "all_cells": ["cells"]}
VCN_POPULATIONS = {
    "cells": ["all_cells", "transduced_cells"],
    "all_cells": ["cells", "transduced_cells"],
    "transduced_cells": ["cells", "all_cells"],
}


def slow_outcomes(results, criteria, assigned):
    """(outcome by criterion, outcome by gate) of one batch, one row after the other."""
    own = [c for c in criteria if _names(c) == _names(assigned)]
    ours = [r for r in results if _batch(r) == _batch(assigned)]
    verdicts = [
        (c, slow_verdict(c, ours, own, assigned))
        for c in own
        if c["status"] != "informative"
    ]
    released = [(c, v) for c, v in verdicts if c["status"] == "release"]
    return verdicts, {
        gate: slow_gate([(c, v) for c, v in released if c["gate"] == gate])
        for gate in {c["gate"] for c, _ in released}
    }


def slow_gate(verdicts):
    demands = [v for c, v in verdicts if not (c["logic_group"] or "").endswith(":or")]
    for group in {c["logic_group"] for c, _ in verdicts}:
        if (group or "").endswith(":or"):
            arms = [v for c, v in verdicts if c["logic_group"] == group]
            if "pass" in arms:
                demands.append("pass")
            elif "undetermined" in arms:
                demands.append("undetermined")
            else:
                demands.append("fail")
    if "fail" in demands:
        return "fail"
    return "undetermined" if "undetermined" in demands else "pass"


def slow_verdict(c, results, specification, assigned):
    found = slow_answer(c, results, specification)
    if found is None or found["state"] != "valid":
        return "undetermined"
    if c["operator"] == "text":
        return slow_text(c, found["text"])
    if found["value"] is None:
        return "undetermined"
    scales = slow_scales(c, found, results, assigned)
    if not scales:
        return "undetermined"
    accepted = {
        slow_accepts(c, figure * scale)
        for figure in slow_figures(c, found)
        for scale in scales
    }
    if accepted == {True}:
        return "pass"
    return "fail" if accepted == {False} else "undetermined"


def slow_answer(c, results, specification):
    """The result that counts, population by population."""
    same = [d for d in specification if all(d[k] == c[k] for k in _TEST + ["gate"])]
    by_method = len({d["method"] for d in same}) > 1
    others = VCN_POPULATIONS if c["parameter"] == "vcn" else POPULATIONS
    for population in [c["population"], *others.get(c["population"], [])]:
        rows = [
            r
            for r in results
            if (r["parameter"], r["stage"]) == (c["parameter"], c["stage"])
            and r["population"] == population
            and (not by_method or r["method"] == c["method"])
        ]
        if latest := slow_latest(rows):
            return latest
    return None


_TEST = ["parameter", "population", "stage"]


def slow_latest(rows):
    retested = {
        r.get("retest_of")
        for r in rows
        if r["state"] == "valid" and r.get("retest_of") != r["replicate"]
    } - {None}
    if len(rows) > 1:
        rows = [r for r in rows if r["replicate"] not in retested]
    ranked = sorted(
        rows,
        key=lambda r: (
            r["state"] == "valid",
            r.get("reported") or r.get("sampled") or date.min,
            len(r["replicate"]),
            *(r[k] for k in ("replicate", "sample", "laboratory", "method")),
        ),
    )
    return ranked[-1] if ranked else None


def slow_text(c, text):
    if text is None:
        return "undetermined"
    limit, said = (meaning(c["parameter"], each) for each in (c["text_limit"], text))
    if said == limit or (limit, said) == ("negative to date", "negative"):
        return "pass"
    opposites = [
        ("negative", "positive"),
        ("positive", "negative"),
        ("negative to date", "positive"),
    ]
    return "fail" if (limit, said) in opposites else "undetermined"


def slow_accepts(c, figure):
    low, high = (
        None if c.get(k) is None else Fraction(repr(c[k]))
        for k in ("limit_low", "limit_high")
    )
    return {
        "<": lambda: figure < high,
        "<=": lambda: figure <= high,
        ">": lambda: figure > low,
        ">=": lambda: figure >= low,
        "between": lambda: low <= figure <= high,
    }[c["operator"]]()


def slow_figures(c, found):
    """Figures the true one may be: at, just under and just over all that matters."""
    value = Fraction(repr(found["value"]))
    if found["comparator"] in (None, "="):
        return [value]
    ends = [value] + [
        Fraction(repr(c[k])) for k in ("limit_low", "limit_high") if c[k] is not None
    ]
    near = [end + step for end in ends for step in (-TINY, 0, TINY)] + [-HUGE, HUGE]
    holds = {
        "<": lambda x: x < value,
        "<=": lambda x: x <= value,
        ">": lambda x: x > value,
        ">=": lambda x: x >= value,
    }[found["comparator"]]
    return [x for x in near if holds(x)]


def slow_scales(c, found, results, assigned):
    """What the figure may have to be multiplied by: the ends of the possible range."""
    ours, theirs = found["unit"], c["unit"]
    plain = {"IU/mL": "EU/mL", "IU/kg": "EU/kg"}
    ours, theirs = plain.get(ours, ours), plain.get(theirs, theirs)
    if ours == theirs:
        return [Fraction(1)]
    if {ours, theirs} == {"beads/3e6 cells", "beads/30e6 cells"}:
        return [Fraction(10) if theirs == "beads/30e6 cells" else Fraction(1, 10)]
    if {ours, theirs} == {"EU/mL", "EU/kg"}:
        per_ml = slow_kilograms_per_ml(c, assigned)
        return per_ml if theirs == "EU/mL" else [1 / each for each in per_ml]
    if {ours, theirs} == {"copies/cell", "copies/transduced cell"}:
        shares = slow_shares(results)
        return (
            shares
            if theirs == "copies/cell"
            else [1 / each if each else HUGE for each in shares]
        )
    return []


def slow_kilograms_per_ml(c, assigned):
    weight, volume = c.get("reference_weight_kg"), c.get("reference_volume_ml")
    if weight and volume:
        return [Fraction(repr(weight)) / Fraction(repr(volume))]
    band, volume = assigned["recipient_weight_band_kg"], assigned["final_volume_ml"]
    if band is None or not volume:
        return []
    weights = (Fraction(band), Fraction(band) + 5 - TINY)
    return [each / Fraction(repr(volume)) for each in weights]


def slow_shares(results):
    shares = []
    rows = [r for r in results if r["parameter"] == "car_positive"]
    for population in sorted({r["population"] for r in rows}):
        latest = slow_latest([r for r in rows if r["population"] == population])
        if latest and latest["state"] == "valid":
            share = Fraction(repr(latest["value"])) / 100
            shares.append(share)
            if latest["comparator"] in ("<", "<="):
                shares.append(Fraction(0))
            if latest["comparator"] in (">", ">="):
                shares.append(Fraction(1))
    return shares


def _names(row):
    return row.get("spec_site", row["site"]), row["product"], row["spec_version"]


def _batch(row):
    return row["site"], row["batch"]
