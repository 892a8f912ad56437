"""The marts on the cluster, in the order in which they are made.

Whatever is judged batch by batch is judged in portions of the batches, and whatever is
looked at site by site in one task a site. The whole network at once is needed only for
what most members ask, from the criteria, which are few; and for the places of batches
in the panels, which Spark counts.
"""

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa

from connectors import PocnetError
from etl import history
from etl.contract.schemas import SCHEMAS
from etl.judged_tables import members_usual
from etl.marts import DECIDED, filled, statements
from etl.panel_tables import PanelTables
from etl.plausibility import SUMMARIES
from etl.rules import decision_counts
from etl.spark.dialect import step
from etl.spark.judging import Judging, Together, contradicting, finding
from etl.spark.parcels import by_site, packing_by_site
from etl.spark.snapshot import Target
from etl.spark.views import PARCELS, Views, fetched, kept, opened, packed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Rows of a dataset that this machine hands out; more are read where they were made.
_FEW: Final = 50_000
# Results judged in one go by one task: some hundred megabytes.
_AT_ONCE: Final = 200_000
_PLACED: Final = (
    "select b.site, b.batch, row_number() over "
    "(partition by b.product order by b.site, b.batch) - 1 as position from batch as b "
    "inner join site as s on b.site = s.site and s.kind <> 'published'"
)
_MADE: Final = (
    "select b.*, p.position from batch as b "
    "left join placed as p on p.site = b.site and p.batch = b.batch"
)
# The order in which a snapshot has them.
_ANSWERS: Final = {
    "replay_batch": ("product", "position"),
    "replay_figure": ("product", "question", "position"),
    "replay_word": ("product", "question", "position"),
}
_QUESTIONS: Final = "replay_question"
_VERDICTS: Final = ("judged", "gate_outcome", "usual_outcome")
_FOUND: Final = ("discordance", "finding", "rule_count")


def assert_all_made(target: Target) -> None:
    """PocnetError where a mart is not made on the cluster: it would look empty."""
    counted = (table for table, _ in filled())
    made = {_QUESTIONS, *_ANSWERS, *_VERDICTS, *_FOUND, *counted}
    if lacking := sorted({*target.marts} - made):
        raise PocnetError(
            f"A build on Spark does not make {', '.join(lacking)}, which a build on "
            "one machine makes, so nothing was published. This is a fault of pocnet: "
            "please report it."
        )


def fill_marts(views: Views, target: Target, landed: "DataFrame") -> None:
    """Fill every mart of the target, from its own datasets and the parcels landed."""
    assert_all_made(target)
    few = _datasets(views, target, landed)
    portions = max(views.tasks, _count(target, "result") // _AT_ONCE)
    views.spark.conf.set("spark.sql.shuffle.partitions", str(2 * portions))
    judged = kept(_judged(views, target, portions))
    _deliver(target, judged)
    for table, order in _ANSWERS.items():
        target.order(table, order)
    for table in _VERDICTS:
        views.say(table, opened(judged, table, target.schema(table)))
    decided = ("gate_outcome", "release")
    _deliver(target, _together(views, decided, contradicting, portions))
    _deliver(target, _findings(views, few))
    counts, decisions = target.rows("from rule_count"), target.rows(DECIDED)
    target.fill("rule_count", [decision_counts(counts, decisions)])
    for table in _statements(views, target):
        # What a mart was made of in many parts is fetched in few: each is a job.
        rows = fetched(packed(views.spark.table(table).coalesce(views.tasks)))
        target.fill(table, (frame for _, frame in rows))


def _count(target: Target, table: str) -> int:
    return int(target.rows(f'select count(*) from "{table}"').item())


def _deliver(target: Target, parcels: "DataFrame") -> None:
    for table, frame in fetched(parcels):
        target.fill(table, [frame])


def _datasets(
    views: Views, target: Target, landed: "DataFrame"
) -> Mapping[str, pl.DataFrame]:
    """Views of the contract's rows that stand; gives those that are handed out.

    The others are read where they were brought in, and laid over each other there, as
    they were for the target.
    """
    few = {}
    for dataset in SCHEMAS:
        if _count(target, dataset) <= _FEW:
            few[dataset] = target.rows(f'from "{dataset}"')
            views.say(dataset, views.local(few[dataset]))
            continue
        said = f"said_{dataset}"
        schema = target.schema(dataset)
        for name, kind in (("sender", pa.large_string()), ("closed_run", pa.int64())):
            schema = schema.append(pa.field(name, kind))
        views.say(said, opened(landed, dataset, schema))
        views.say(dataset, kept(views.sql(history.current(said, dataset))))
    return few


def _judged(views: Views, target: Target, portions: int) -> "DataFrame":
    """Parcels of the verdicts and the answers, a portion of the batches at a time."""
    panels = PanelTables(target.connection)
    target.fill(_QUESTIONS, [panels.questions()])
    for table, sql in (("placed", _PLACED), ("made", _MADE)):
        views.say(table, views.sql(sql))
    usual = members_usual(target.connection, target.as_of)
    judging = Judging(target.rows("from criterion"), usual, panels.asked)
    return _together(views, ("made", "result"), judging, portions)


def _together(
    views: Views, pair: tuple[str, str], function: Together, portions: int
) -> "DataFrame":
    """Parcels made of two tables, each batch's rows of both in one portion."""
    one, other = (
        views.spark.table(name)
        .selectExpr("*", f"pmod(xxhash64(site, batch), {portions}) as portion")
        .groupBy("portion")
        for name in pair
    )

    def apply(left: pa.Table, right: pa.Table) -> pa.Table:
        # Spark counts a function's arguments, and takes a method's `self` for one.
        return function(left, right)

    return one.cogroup(other).applyInArrow(apply, PARCELS)


def _findings(views: Views, few: Mapping[str, pl.DataFrame]) -> "DataFrame":
    """Parcels of `finding` and `rule_count`: all that one site says, in one task."""
    for name, sql in SUMMARIES.items():
        views.say(name, views.sql(sql))
    keyed = f"site string, {PARCELS}"
    spoken = [name for name in SCHEMAS if "site" in SCHEMAS[name].column_names()]
    asked = [*(name for name in spoken if name != "result"), *SUMMARIES]
    small = [one for name in few if name in asked for one in by_site(name, few[name])]
    parts = [views.spark.createDataFrame(pa.Table.from_batches(small))]
    parts += [
        views.spark.table(name).mapInArrow(packing_by_site(name), keyed)
        for name in asked
        if name not in few
    ]
    said = reduce(lambda one, other: one.unionAll(other), parts)
    return said.groupBy("site").applyInArrow(finding, PARCELS)


def _statements(views: Views, target: Target) -> list[str]:
    """Views that the statements of `etl/marts` make, in their order; their names."""
    views.say("network_day", views.spark.sql(f"select date'{target.as_of}' as as_of"))
    made: dict[str, None] = {}
    for _, statement in statements():
        said = step(statement)
        rows = views.spark.sql(said.query)
        if said.columns:
            rows = _with(views.spark.table(said.table), rows, said.columns)
        views.say(said.table, kept(rows))
        made[said.table] = None
    return [*made]


def _with(
    there: "DataFrame", rows: "DataFrame", columns: tuple[str, ...]
) -> "DataFrame":
    """The rows of a table with those inserted, which are null where nothing is said."""
    from pyspark.sql import functions as f

    added = rows.toDF(*columns)
    cells = {c: f.col(c) for c in columns}
    filled = [
        cells.get(column.name, f.lit(None)).cast(column.dataType).alias(column.name)
        for column in there.schema
    ]
    return there.unionAll(added.select(*filled))
