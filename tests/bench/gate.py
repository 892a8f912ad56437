"""Rows a second through the privacy gate, on pages as large and as small as they come.

Run it: `python -m tests.bench.gate`. It prints figures and asserts nothing: a busy
machine is no fault of the code.
"""

import random
import time

import polars as pl

from etl.guard import protect
from etl.network import Privacy

PRIVACY = Privacy("a key of the site", "k1", "day")
TESTS = ("viability", "cd3_purity", "dose", "sterility", "endotoxin", "vcn")
METHODS = ("flow-cytometry", "bact-alert", "lal", "trypan blue (Neubauer)")
UNITS = ("%", "EU/mL", "cells", "copies/cell")
SIZES = ((50_000, 6), (500, 40), (50, 100))


def page(rows: int, first: int, *, records: bool) -> pl.DataFrame:
    """A page of results as a mapping makes it, by line or by record."""
    chance, numbers = random.Random(first), range(first, first + rows)

    def value() -> str:
        figures = f"{100 * chance.random():.3f}", f"<{chance.randint(1, 9)}"
        counts = f"{chance.randint(1, 9_999) * 10**6}", f"{chance.random():.2e}"
        return chance.choice((*figures, *counts, "negative", "97,3 %"))

    return pl.DataFrame(
        {
            "site": ["alpha"] * rows,
            "batch": [f"LV2024-{n // 12:05}" for n in numbers],
            "parameter": [TESTS[n % 6] for n in numbers],
            "stage": ["final_product"] * rows,
            "sample": [f"S{n // 3}" for n in numbers],
            "method": chance.choices(METHODS, k=rows),
            "value": [value() for _ in numbers],
            "unit": chance.choices(UNITS, k=rows),
            "sampled": [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in numbers],
            "reported": [f"2024-{n % 12 + 1:02}-28T10:{n % 60:02}" for n in numbers],
            "spec_version": ["v3"] * rows,
            "_origin": ["qc_2024.csv"] * rows,
            "_ref": [f"{'record' if records else 'line'} {n}" for n in numbers],
        }
    )


def main() -> None:
    """Print wall and CPU time for each size of page."""
    for records in (False, True):
        for rows, pages in SIZES:
            made = [page(rows, n * rows, records=records) for n in range(pages)]
            protect(made[0], "result", "alpha", PRIVACY)
            wall, cpu = time.perf_counter(), time.process_time()
            for each in made[1:]:
                protect(each, "result", "alpha", PRIVACY)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            done, by = rows * (pages - 1), "record" if records else "line"
            print(
                f"pages of {rows:6,} rows by {by:6} {done / wall:11,.0f} rows/s "
                f"{done / cpu:11,.0f} rows/s of CPU "
                f"{1000 * wall / (pages - 1):7.1f} ms a page"
            )


if __name__ == "__main__":
    main()
