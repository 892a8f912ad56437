"""What whoever runs the dashboard must know of the data: totals, and no site."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dashboard.queries.snapshot import current


@dataclass(frozen=True)
class Standing:
    """The snapshot that is shown, and what the sites' last answers came to.

    Sums over all members of the network; `failed` is the number of sites of which a
    source did not answer when it was last asked, `answered` that of the others of
    which anything is known.
    """

    run: int
    built: datetime
    good: int
    rejected: int
    answered: int
    failed: int


def standing(folder: Path) -> Standing:
    """The standing of a snapshot folder; NoSnapshotError while it is empty.

    It goes to no viewer but to the machine's own monitoring, and names nobody.
    """
    snapshot = current(folder)
    row = snapshot.rows(
        "with member as (select site from site where kind <> 'published'),"
        " last as (from count as c semi join member on c.site = member.site"
        " qualify run = max(run) over (partition by c.site, c.dataset)),"
        " silent as (select distinct e.site from source_error as e"
        " semi join member on e.site = member.site)"
        " select cast(coalesce(sum(good), 0) as bigint) as good,"
        " cast(coalesce(sum(rejected), 0) as bigint) as rejected,"
        " count(distinct site) filter (site not in (from silent)) as answered,"
        " (select count(*) from silent) as failed from last"
    ).row(0, named=True)
    return Standing(run=int(snapshot.meta["run"]), built=snapshot.built, **row)
