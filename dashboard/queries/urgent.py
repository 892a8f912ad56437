"""Whether a run says less than the one before, or by other rules: it cannot wait then.

A batch or an order that is no longer sent is taken away at once, and so is all that
`pocnet withdraw` took out and what is held back from now on.
"""

from typing import TYPE_CHECKING, Final

from dashboard.publication import said_until
from etl.contract.schemas import KEYS
from etl.history import names
from etl.publish import WITHDRAWN

if TYPE_CHECKING:
    from dashboard.queries.snapshot import Snapshot

# The rules are the whole of network.toml that bears on figures. A withdrawal makes the
# warehouse anew; `taken` is the last run that took a batch or an order away.
_SAYS: Final = (
    *("contract", "metrics", "network", "as_of", "config"),
    *("warehouse", "taken"),
)


def urgent(shown: "Snapshot", coming: "Snapshot") -> bool:
    """Whether `coming` has to be shown at once in place of `shown`."""
    return (
        any(shown.meta.get(each) != coming.meta.get(each) for each in _SAYS)
        or shown.members != coming.members
        or _declared(shown, coming)
    )


def taken_back(before: "Snapshot", now: "Snapshot") -> bool:
    """Whether something may have been withdrawn between the two.

    That makes the warehouse anew. So does `pocnet build`, which takes nothing away.
    """
    anew = before.meta.get("warehouse") != now.meta.get("warehouse")
    return anew and any(_lost(before, now, table) for table in WITHDRAWN)


def _declared(shown: "Snapshot", coming: "Snapshot") -> bool:
    """Whether a site chose or signed something that holds from `coming` on."""
    journal = shown.path.parents[1] / "journal.sqlite"
    if not journal.is_file():
        return False
    return said_until(journal, shown.built) != said_until(journal, coming.built)


def _lost(before: "Snapshot", now: "Snapshot", table: str) -> bool:
    """Whether something of a table is there no longer."""
    columns = KEYS[table]
    asked = f'select {names(columns)} from "{table}"'
    gone = before.rows(asked).join(now.rows(asked), on=columns, how="anti")
    return not gone.is_empty()
