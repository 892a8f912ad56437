from datetime import date

import polars as pl
import pytest

from etl.contract.schemas import SCHEMAS
from etl.rules import COUNT, FINDING, RULES, find


def table(dataset, *rows):
    schema = SCHEMAS[dataset].create_empty().schema
    return {dataset: pl.DataFrame(list(rows), schema=schema)}


def batch(name="b1", site="alpha", **cells):
    return {"site": site, "batch": name, "product": "msc", **cells}


def result(name="b1", site="alpha", **cells):
    return {
        "site": site,
        "batch": name,
        "parameter": "viability",
        "method": "flow",
        **cells,
    }


def release(name="b1", gate="final", day=date(2024, 3, 20), **cells):
    said = {"gate": gate, "decision": "released", "decided": day}
    return {"site": "alpha", "batch": name, **said, **cells}


def found(rule, *tables):
    whole = {}
    for each in tables:
        whole |= each
    answer = find(whole)
    counts = answer.counts.filter(rule=rule).select("site", "numerator", "denominator")
    return answer.findings.filter(rule=rule), counts.rows()


def test_nothing_sent_finds_nothing_and_has_the_right_columns():
    answer = find({})
    assert answer.findings.schema == FINDING and answer.findings.is_empty()
    assert answer.counts.schema == COUNT and answer.counts.is_empty()


def test_a_rule_that_had_nothing_to_look_at_says_so_for_every_site():
    counts = find(table("batch", batch())).counts
    assert set(counts["rule"]) == {rule.id for rule in RULES}
    assert counts.filter(rule="booked_above_staffed").rows() == [
        ("booked_above_staffed", "alpha", 0, 0)
    ]


def test_results_of_a_batch_never_sent_are_one_finding_and_counted_each():
    rows = [result(replicate=str(n)) for n in range(3)] + [result("b2")]
    findings, counts = found(
        "result_without_batch", table("result", *rows), table("batch", batch("b2"))
    )
    assert findings["batch"].to_list() == ["b1"]
    assert findings["read"].to_list() == ["b1 (rows: 3)"]
    assert counts == [("alpha", 3, 4)]


def test_the_same_batch_number_at_another_site_is_another_batch():
    findings, _ = found(
        "result_without_batch",
        table("result", result()),
        table("batch", batch(site="beta")),
    )
    assert findings["site"].to_list() == ["alpha"]


@pytest.mark.parametrize(
    ("rule", "dataset", "row"),
    [
        ("release_without_batch", "release", release("gone")),
        ("material_without_batch", "material", {"site": "alpha", "batch": "gone"}),
        ("deviation_without_batch", "deviation", {"site": "alpha", "batch": "gone"}),
    ],
)
def test_whatever_names_a_batch_needs_it(rule, dataset, row):
    rows = table(dataset, row, {**row, "batch": "b1"})
    findings, counts = found(rule, rows, table("batch", batch()))
    assert findings.select("dataset", "batch").rows() == [(dataset, "gone")]
    assert counts == [("alpha", 1, 2)]


def test_a_deviation_that_names_no_batch_is_not_looked_at():
    rows = table("deviation", {"site": "alpha", "deviation": "d1", "batch": None})
    assert found("deviation_without_batch", rows)[1] == [("alpha", 0, 0)]


def test_a_batch_names_an_order_that_is_there():
    orders = table("demand", {"site": "alpha", "order_key": "o1"})
    batches = table(
        "batch", batch(order_key="o1"), batch("b2", order_key="o2"), batch("b3")
    )
    findings, counts = found("batch_without_order", batches, orders)
    assert findings.select("column", "read").rows() == [("order_key", "o2 (rows: 1)")]
    assert counts == [("alpha", 1, 2)]


def test_a_release_on_the_day_of_harvest_is_fine_and_the_day_before_is_not():
    batches = table("batch", batch(harvested=date(2024, 3, 20)))
    assert found("release_before_harvest", batches, table("release", release()))[1] == [
        ("alpha", 0, 1)
    ]
    early = table("release", release(day=date(2024, 3, 19)))
    findings, counts = found("release_before_harvest", batches, early)
    assert findings["read"].to_list() == ["decided 2024-03-19, harvested 2024-03-20"]
    assert counts == [("alpha", 1, 1)]


def test_an_acceptance_comes_before_the_harvest():
    batches = table("batch", batch(harvested=date(2024, 3, 20)))
    accepted = table("release", release(gate="acceptance", day=date(2024, 3, 1)))
    assert found("release_before_harvest", batches, accepted)[1] == [("alpha", 0, 0)]


def test_an_infused_batch_was_released_by_somebody():
    infused = date(2024, 3, 22)
    batches = table(
        "batch", batch(infused=infused), batch("b2", infused=infused), batch("b3")
    )
    decisions = table("release", release(), release("b2", decision="rejected"))
    findings, counts = found("infused_without_release", batches, decisions)
    assert findings.select("batch", "read").rows() == [("b2", "infused 2024-03-22")]
    assert counts == [("alpha", 1, 2)]


def test_more_booked_than_staffed_is_found_and_an_unknown_figure_is_not():
    week = {"site": "alpha", "resource": "slot", "week": date(2024, 3, 11)}
    rows = table(
        "capacity",
        week | {"booked": 3.0, "staffed": 2.0},
        week | {"booked": 2.0, "staffed": 2.0},
        week | {"booked": 2.0},
    )
    findings, counts = found("booked_above_staffed", rows)
    assert findings["read"].to_list() == [
        "slot week 2024-03-11: booked 3.0, staffed 2.0"
    ]
    assert counts == [("alpha", 1, 2)]


def version(name, start, end=None):
    return {
        "site": "alpha",
        "product": "msc",
        "spec_version": name,
        "valid_from": start,
        "valid_to": end,
    }


def test_two_versions_in_force_on_one_day_are_found():
    rows = table(
        "criterion",
        version("1", date(2023, 1, 1), date(2024, 1, 1)),
        version("1", date(2023, 1, 1), date(2024, 1, 1)),
        version("2", date(2024, 1, 1)),
        version("3", date(2025, 1, 1)),
    )
    findings, counts = found("overlapping_versions", rows)
    assert findings["read"].to_list() == [
        "msc: version 1 to 2024-01-01, version 2 from 2024-01-01"
    ]
    assert counts == [("alpha", 1, 3)]


def test_versions_of_two_products_do_not_meet():
    other = version("2", date(2023, 6, 1)) | {"product": "car-t-cd19"}
    rows = table("criterion", version("1", date(2023, 1, 1), date(2024, 1, 1)), other)
    assert found("overlapping_versions", rows)[1] == [("alpha", 0, 2)]


def test_percentages_that_never_exceed_one_were_fractions():
    def results(*values):
        return table(
            "result",
            *(result(f"b{n}", unit="%", value=value) for n, value in enumerate(values)),
        )

    findings, counts = found(
        "fractions_as_percent", results(0.97, 0.9, 0.88, 1.0, 0.95)
    )
    assert findings["read"].to_list() == ["viability: 5 results, none above 1.0 %"]
    assert counts == [("alpha", 5, 5)]
    assert found("fractions_as_percent", results(0.9, 0.9, 0.9, 0.9, 97.0))[
        0
    ].is_empty()
    assert found("fractions_as_percent", results(0.97, 0.9))[0].is_empty()


def test_every_rule_says_what_it_counts():
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.title and rule.numerator and rule.denominator and rule.expected
        assert rule.column in SCHEMAS[rule.dataset].column_names()
