"""The declared finest table of each rollup: its cells, and which counts are told how.

A cell is a site, a line (product and pathway, counted in rates or not) and a quarter.
Columns that are told together are one `Figure`: its `whole` must come from enough
sites, and nothing that it `guards` may be small; among that is what it leaves of the
figures that it is a part of. Values in `split` are told each for
itself; other words by which a table is grouped are told jointly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PATIENTS: Final = "patients"
BATCHES: Final = "batches"
QUALITY: Final = "quality"

# Words of a group that a cell has anyway; every other word parts a cell.
PLACES: Final = ("site", "product", "product_class", "pathway")
PERIODS: Final = ("week", "month", "quarter", "year")
# Rollups of months that are kept by week, too.
WEEKLY: Final = {"rollup_batch": "rollup_batch_week"}


@dataclass(frozen=True)
class Figure:
    """Columns told on the same blocks, as SQL over a rollup's rows (alias `r`)."""

    columns: tuple[str, ...]
    whole: str
    guards: tuple[str, ...] = ()
    kind: str = BATCHES


@dataclass(frozen=True)
class Finest:
    """How a rollup is told; the first figure is that of columns not named.

    A group of words in `jointly` is always told by all of them; two groups never
    together, or one could be had from the other.
    """

    figures: tuple[Figure, ...]
    split: str | None = None
    jointly: tuple[tuple[str, ...], ...] = ()

    def figure(self, column: str) -> Figure:
        """The figure that a column belongs to."""
        named = (f for f in self.figures if column in f.columns)
        return next(named, self.figures[0])


def _of(name: str, kind: str = QUALITY) -> Figure:
    of = f"r.{name}_of"
    guards = (f"r.{name}", f"{of} - r.{name}")
    return Figure((name, f"{name}_of"), of, guards, kind)


_ALIKE: Final = ("alike", "alike_own", "alike_usual", "alike_both")
_DAYS: Final = "r.ended + r.competing + r.censored"
_FATES: Final = ("ended", "competing", "censored")

TABLES: Final[Mapping[str, Finest]] = {
    "rollup_batch": Finest(
        (
            Figure(("started",), "r.started", kind=PATIENTS),
            Figure(("in_process", "ended"), "r.started", ("r.ended", "r.in_process")),
            Figure(("harvested",), "r.harvested", ("r.started - r.harvested",)),
            Figure(("released",), "r.released", ("r.started - r.released",)),
            Figure(
                ("infused",),
                "r.infused",
                ("r.released - r.infused", "r.started - r.infused"),
                PATIENTS,
            ),
            Figure(
                ("provisional", "awaiting_final"),
                "r.provisional",
                ("r.awaiting_final", "r.provisional - r.awaiting_final"),
            ),
            *map(_of, ("no_product", "out_of_spec", "released_out_of_spec")),
            *map(_of, ("late_failure", "not_infused", "any_failure")),
            *map(_of, ("fails_own", "fails_usual")),
            Figure(
                _ALIKE,
                "r.alike",
                (
                    *("r.alike_both", "r.alike_own - r.alike_both"),
                    *("r.alike_usual - r.alike_both", "r.alike - r.alike_own"),
                    "r.alike - r.alike_usual",
                ),
                QUALITY,
            ),
            Figure(
                ("first_attempt_of", "first_attempt_success"),
                "r.first_attempt_of",
                ("r.first_attempt_success",
                 "r.first_attempt_of - r.first_attempt_success"),
                QUALITY,
            ),
            Figure(
                ("order_of", "order_success"),
                "r.order_of",
                ("r.order_success", "r.order_of - r.order_success"),
                PATIENTS,
            ),
        ),
        jointly=(("starting_material", "process"),),
    ),
    "rollup_event": Finest(
        (Figure(("n", "cells", "doses"), "r.n"),), "event", (("trial",),)
    ),
    "rollup_failure": Finest(
        (Figure(("n",), "r.n", kind=QUALITY),), jointly=(("stage", "category"),)
    ),
    "rollup_parameter": Finest(
        (
            Figure(
                ("judged", "failed", "undetermined"),
                "r.judged",
                ("r.failed", "r.judged - r.failed", "r.undetermined"),
                QUALITY,
            ),
        ),
        "parameter",
    ),
    "rollup_duration": Finest((Figure(_FATES, _DAYS, kind=PATIENTS),), "step"),
    "rollup_laboratory": Finest(
        (Figure(("ended", "censored"), "r.ended + r.censored"),),
        "parameter",
        (("own",),),
    ),
    "rollup_certification": Finest(
        (
            Figure(
                ("failed", "failed_given", "certified", "waiting"),
                "r.failed + r.certified + r.waiting",
                (
                    *("r.failed", "r.failed_given", "r.failed - r.failed_given"),
                    *("r.certified", "r.waiting"),
                ),
                QUALITY,
            ),
        )
    ),
    "rollup_deviation": Finest(
        (
            Figure(("opened",), "r.opened", kind=QUALITY),
            Figure(
                ("still_open",),
                "r.opened",
                ("r.still_open", "r.opened - r.still_open"),
                QUALITY,
            ),
            Figure(
                ("actions", "actions_open", "actions_due", "actions_overdue"),
                "r.actions",
                (
                    *("r.actions_open", "r.actions - r.actions_open"),
                    *("r.actions_overdue", "r.actions_due - r.actions_overdue"),
                ),
                QUALITY,
            ),
        ),
        jointly=(("grade",), ("category",), ("root_cause",)),
    ),
    "rollup_deviation_days": Finest(
        (Figure(("ended", "censored"), "r.ended + r.censored", kind=QUALITY),),
        "closing",
        (("grade",),),
    ),
    "rollup_deviation_batch": Finest(
        (
            Figure(
                ("failed", "failed_marked", "sound", "sound_marked"),
                "r.failed + r.sound",
                (
                    *("r.failed_marked", "r.failed - r.failed_marked"),
                    *("r.sound_marked", "r.sound - r.sound_marked"),
                ),
                QUALITY,
            ),
        )
    ),
    "rollup_order": Finest(
        (
            Figure(
                ("orders", "with_product", "without_product", "still_open"),
                "r.orders",
                ("r.with_product", "r.without_product", "r.still_open"),
                PATIENTS,
            ),
            Figure(
                ("first_ended", "first_failed", "made_again", "saved"),
                "r.first_ended",
                (
                    *("r.first_failed - r.made_again", "r.made_again"),
                    *("r.saved", "r.first_ended - r.first_failed"),
                ),
                PATIENTS,
            ),
        ),
        jointly=(("attempts",),),
    ),
    "rollup_order_days": Finest(
        (Figure(_FATES, _DAYS, kind=PATIENTS),), jointly=(("first_attempt",),)
    ),
    "rollup_attempt": Finest(
        (
            Figure(
                ("ended", "product_made", "in_process"),
                "r.ended + r.in_process",
                ("r.product_made", "r.ended - r.product_made", "r.in_process"),
            ),
        ),
        jointly=(("attempt",),),
    ),
}  # fmt: skip
