"""Where the rows stand that a finding is about: file and line, or record, of each.

The contract's rows do not say it, and the warehouse does. A finding can be about many
rows; the place of one is told, and how many there are. Findings lie beside that place
in the order in which they are listed, so that a page reads the first of them only.
"""

from collections.abc import Callable, Iterator

import duckdb

from etl.rules import RULES

_COLUMNS = (
    "rule varchar, site varchar, dataset varchar, key varchar, origin varchar, "
    "ref varchar, rows bigint"
)
# Which findings are listed, by what their rows are known, and in which order.
_LISTED = (
    ("finding", "key", "f.rule, f.site, f.dataset, f.batch"),
    ("discordance", "batch", "f.site, f.batch"),
)


def create_places(
    connection: duckdb.DuckDBPyConnection, table: Callable[[str], str]
) -> None:
    """The tables `finding_placed` and `discordance_placed`, of those without a place.

    Each has `origin`, `ref` and `rows` beside the columns it had, and `place`, which is
    its place in the list. `table` names the warehouse's tables in this connection.
    """
    connection.execute(f"create or replace temp table finding_place ({_COLUMNS})")
    for found, dataset, place in _sources():
        stands = f"select *, {place} as key from {table(dataset)}"
        connection.execute(
            "insert into finding_place select f.rule, f.site, f.dataset, f.key, "
            "min_by(t.origin, t.ref), min(t.ref), count(*) "
            f"from ({found}) as f "
            f"inner join ({stands} where closed_run is null) as t "
            "on t.site = f.site and t.key = f.key group by all"
        )
    for found, key, order in _LISTED:
        connection.execute(
            f"create or replace table {found}_placed as "
            "select f.*, p.origin, p.ref, p.rows, "
            f"row_number() over (order by {order}, f) as place from {found} as f "
            "left join finding_place as p on p.rule = f.rule and p.site = f.site "
            f"and p.dataset = f.dataset and p.key = f.{key}"
        )
    connection.execute("drop table finding_place")


def _sources() -> Iterator[tuple[str, str, str]]:
    """Which findings to place, in which dataset, by which of its columns."""
    for rule in RULES:
        found = f"select * from finding where rule = '{rule.id}'"
        yield found, rule.dataset, rule.place
    told = "select distinct rule, site, dataset, batch as key from discordance"
    yield told, "release", "batch"
