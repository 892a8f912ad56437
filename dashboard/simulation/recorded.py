"""What a simulation is made of: the network's own records, as one viewer may see them.

Frames with one row a heading (a site seen by name, or a pool), already disclosed. A
simulation computes from these alone, so that nothing it shows can say more of a hidden
site than they do.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl


@dataclass(frozen=True, eq=False)
class Recorded:
    """The records of a network for one viewer, most of them of the last twelve months.

    - `first`: the Monday on which the simulated year begins.
    - `sites`: site, latitude, longitude (null for a pool), region, starts (a week),
      reported and expected (site-weeks) in so many weeks, silent (for too long).
    - `left_out`: site, reason.
    - `slots`: site, week, theoretical, staffed: the last 52 full weeks.
    - `made`: site, product, started. `failed`: site, product, failed, ended.
    - `again`: site, failed, again: first batches that failed, and those made again.
    - `steps`: histograms of days (site and product where they have them, step, day,
      ended, competing, censored), the closest first: where one has too few, the next
      stands in.
    - `gap`: site, day, n: from the start of a failed batch to the next one's.
    - `demand`: site, product, region, orders. `authorised`: site, product.
    - `laboratories`: site, laboratory. `products`: product, source, gene_transfer.
    """

    first: date
    sites: pl.DataFrame
    left_out: pl.DataFrame
    slots: pl.DataFrame
    made: pl.DataFrame
    failed: pl.DataFrame
    again: pl.DataFrame
    steps: tuple[pl.DataFrame, ...]
    gap: pl.DataFrame
    demand: pl.DataFrame
    authorised: pl.DataFrame
    laboratories: pl.DataFrame
    products: pl.DataFrame
