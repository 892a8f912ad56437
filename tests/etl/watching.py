"""A reader in a process of its own, who asks through the dashboard's own queries."""

import hashlib
import json
import select
import sys
from collections import defaultdict
from pathlib import Path

from dashboard import queries
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer, asking

LEAD = Viewer("lead")
# Between two looks: whoever watches must not keep the watched from its work.
PAUSE = 0.25


def looked(folder: Path) -> dict[str, str]:
    """A hash of each site's batches in the current snapshot, which must be whole.

    Whole means that what was counted beforehand agrees with the rows: a snapshot is
    made table by table, and half a one would lack some.
    """
    snapshots = folder / "data" / "snapshots"
    snapshot = queries.current(snapshots)
    about = queries.about(snapshots, LEAD)
    asked = Request(LEAD, snapshots, Journal(folder / "journal.sqlite"), about)
    with asking(asked), queries.answering_from(snapshot):
        rows = queries.batches(LEAD, Filters())
        counted = queries.counts(LEAD, Filters(), ["started"], by=["site"])
        read = queries.row_counts(LEAD, Filters())
    assert (read["read"] == read["good"] + read["rejected"]).all(), read
    by_site = {
        site: n for site, n in counted.select("site", "started").iter_rows() if n
    }
    listed = dict(rows["site"].value_counts().iter_rows())
    assert by_site == listed, (snapshot.path.name, by_site, listed)
    return {
        str(site): hashlib.sha256(
            repr(sorted(of.rows(), key=repr)).encode()
        ).hexdigest()
        for (site,), of in rows.group_by("site")
    }


def watch(now: Path) -> None:
    """Look again and again until stdin ends; print what was seen as one object."""
    seen, looks = defaultdict(set), 0
    _say("watching")
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        for site, found in looked(now.resolve()).items():
            seen[site].add(found)
        looks += 1
    found = {site: sorted(states) for site, states in seen.items()}
    _say(json.dumps({"looks": looks, "seen": found}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
