"""Where the rows stand that a finding is about: file and line, or record, of each.

The contract's rows do not say it, and the warehouse does. A finding can be about many
rows; the place of one is told, and how many there are.
"""

from collections.abc import Callable, Iterator

import duckdb

from etl.rules import RULES

_COLUMNS = (
    "rule varchar, site varchar, dataset varchar, key varchar, origin varchar, "
    "ref varchar, rows bigint"
)


def create_places(
    connection: duckdb.DuckDBPyConnection, table: Callable[[str], str]
) -> None:
    """The table `finding_place`: rule, site, dataset, key, origin, ref and rows.

    For every row of `finding`, and of `discordance` by batch. `table` names the
    warehouse's tables in this connection.
    """
    connection.execute(f"create table finding_place ({_COLUMNS})")
    for found, dataset, place in _sources():
        stands = f"select *, {place} as key from {table(dataset)}"
        connection.execute(
            "insert into finding_place select f.rule, f.site, f.dataset, f.key, "
            "min_by(t.origin, t.ref), min(t.ref), count(*) "
            f"from ({found}) as f "
            f"inner join ({stands} where closed_run is null) as t "
            "on t.site = f.site and t.key = f.key group by all"
        )


def _sources() -> Iterator[tuple[str, str, str]]:
    """Which findings to place, in which dataset, by which of its columns."""
    for rule in RULES:
        found = f"select * from finding where rule = '{rule.id}'"
        yield found, rule.dataset, rule.place
    told = "select distinct rule, site, dataset, batch as key from discordance"
    yield told, "release", "batch"
