import json
import re
from pathlib import Path

import pytest

from dashboard.metric import Count, Metric
from dashboard.metrics import DEFINITIONS, METRICS
from etl.contract.schemas import SCHEMAS

MARTS = Path(__file__).parents[2] / "etl" / "marts"
# Tables that the pipeline writes beside the contract's datasets and the SQL marts.
WRITTEN = {
    "count": {"site", "dataset", "records", "read", "good", "repeated", "rejected"},
    "replay_batch": {"product", "position", "site", "batch"},
    "replay_figure": {"product", "question", "position", "low", "high"},
    "finding": {"rule", "severity", "site", "dataset", "batch", "column"},
    "discordance": {"rule", "severity", "site", "dataset", "batch", "column"},
}


def marts() -> dict[str, str]:
    """The SQL that makes each table."""
    statements = "\n".join(path.read_text() for path in sorted(MARTS.glob("*.sql")))
    found = re.findall(r"create table (\w+) as(.*?);", statements, re.DOTALL)
    return dict(found)


COUNTS = [
    pytest.param(count, id=f"{metric.id}-{side}")
    for metric in METRICS.values()
    for side, count in (("of", metric.denominator), ("n", metric.numerator))
    if count is not None
]


@pytest.mark.parametrize("count", COUNTS)
def test_every_metric_counts_columns_that_the_snapshot_has(count: Count) -> None:
    columns = {count.column, *count.where}
    if count.table in SCHEMAS:
        assert columns <= set(SCHEMAS[count.table].column_names())
    elif count.table in WRITTEN:
        assert columns <= WRITTEN[count.table]
    else:
        sql = marts()[count.table]
        if count.table == "fact_batch":
            sql += " ".join(SCHEMAS["batch"].column_names())
        for column in columns:
            assert re.search(rf"\b{column}\b", sql), column
        for value in count.where.values():
            assert f"'{value}'" in sql


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_says_all_that_a_reader_needs(metric: Metric) -> None:
    assert METRICS[metric.id] is metric
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.id)
    words = (metric.title, metric.why, metric.exclusions, metric.owner, metric.source)
    assert all(word.strip() for word in words)
    assert metric.why.endswith(".")
    assert (metric.denominator is None) == (metric.kind == "count")
    assert metric.kind != "share" or metric.unit == "%"


def test_no_two_metrics_share_a_title() -> None:
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)


def test_the_six_meanings_of_failure_each_have_their_own_denominator() -> None:
    assert list(DEFINITIONS) == [
        "no_product",
        "out_of_spec",
        "released_out_of_spec",
        "late_failure",
        "not_infused",
        "any",
    ]
    for id_, definition in DEFINITIONS.items():
        metric = METRICS[id_]
        assert metric.numerator.column == definition.column
        assert metric.denominator is not None
        assert metric.denominator.column == definition.of
        assert metric.denominator.words == definition.denominator


def test_every_step_of_the_turnaround_mart_is_declared() -> None:
    steps = set(re.findall(r"'(\w+_\w+)'(?: as step)?,", marts()["rollup_duration"]))
    assert steps >= {"ordered_infused", "provisional_final"}
    assert steps <= set(METRICS)


def test_a_declaration_can_be_sent_as_json() -> None:
    for metric in METRICS.values():
        record = json.loads(json.dumps(metric.as_record()))
        assert record["reviewed"] == metric.reviewed.isoformat()
        assert record["numerator"]["table"] == metric.numerator.table
