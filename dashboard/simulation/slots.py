"""Weekly slots as lines: each starts one batch in seven days, in weeks it is staffed.

A site with three staffed slots a week has three lines; in a week with two of them
staffed, the third is shut. So no week starts more batches than it had staffed slots,
and within the week each start has its own moment.
"""

from typing import Final

import numpy as np

from dashboard.simulation.arrays import Ints
from dashboard.simulation.network import Lines

DAYS: Final = 7.0
# More lines than this cost time and change no waiting: several slots share a line.
MOST_LINES: Final = 32


def lines(staffed: Ints) -> Lines:
    """The lines of slots `staffed` (site, week); nothing starts after the last week.

    A site with more than MOST_LINES slots puts several on a line, which is then held
    for as much less; over the weeks none of its slots is lost or gained by that.
    """
    sites, weeks = staffed.shape
    most = staffed.max(axis=1, initial=0)
    share = np.maximum(np.ceil(most / MOST_LINES), 1)
    # Rounded along the weeks, not week by week: the remainder is carried.
    whole = np.floor(np.cumsum(staffed, axis=1) / share[:, None] + 1e-9)
    open_lines = np.diff(whole, axis=1, prepend=0)
    count = max(int(open_lines.max(initial=0)), 1)
    opens = np.full((sites, count, weeks + 1), np.inf)
    for week in range(weeks - 1, -1, -1):
        here = open_lines[:, week, None] > np.arange(count)
        after = opens[:, :, week + 1]
        later = np.where(after == 0, DAYS * (week + 1), after)
        opens[:, :, week] = np.where(here, 0, later)
    return Lines(opens, DAYS / share)
