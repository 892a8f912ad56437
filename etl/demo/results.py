"""Results of one site: valid, below what is measurable, pending, invalid, not done."""

import numpy as np
import polars as pl

from etl.demo.lives import Lives, sent_out
from etl.demo.members import LABORATORY, Member
from etl.demo.quality import Drawn, Floats
from etl.demo.records import Site, blank, dates
from etl.demo.schedule import Ints

SPECIFICATIONS = ("1", "2")
NOT_DONE = 0.04
INVALID = 0.012


def laboratory_of(member: Member, drawn: Drawn) -> str:
    """Who ran a test: the site itself, or the testing laboratory it sends to."""
    return LABORATORY if member.external and sent_out(drawn) else member.slug


def result_frame(site: Site, rng: np.random.Generator) -> pl.DataFrame:
    """Every result the site knows of, pending ones and repeated tests included."""
    parts = [
        _results(site, life, position, rng)
        for life in site.lives
        for position in range(len(life.tests))
    ]
    return pl.concat(parts)


def _results(
    site: Site, life: Lives, position: int, rng: np.random.Generator
) -> pl.DataFrame:
    drawn = life.tests[position]
    sampled, reported = life.sampled[position], life.reported[position]
    there = np.flatnonzero(sampled <= site.horizon)
    size = len(there)
    done = reported[there] <= site.horizon
    skipped = np.zeros(size, dtype=np.bool_)
    if drawn.assay.status == "informative":
        skipped = done & (rng.random(size) < NOT_DONE)
    made = pl.DataFrame(
        {
            "site": pl.repeat(site.member.slug, size, eager=True),
            "batch": site.batch[life.rows[there]],
            **_constants(site, drawn, size),
            **_values(drawn, told(site.member, drawn)[there], done & ~skipped),
            "sampled": dates(sampled[there], site.horizon),
            "reported": dates(reported[there], site.horizon),
            "state": pl.Series(
                np.where(skipped, "not_done", np.where(done, "valid", "pending")),
                dtype=pl.String,
            ),
            "verdict": blank(
                pl.Series(np.where(drawn.refused[there], "fail", "pass"),
                          dtype=pl.String),
                done & ~skipped & site.member.has_verdicts
                & (drawn.assay.status == "release"),
            ),
            "spec_version": _version_of(site, life.start[there]),
            "retest_of": pl.repeat(None, size, dtype=pl.String, eager=True),
        }
    )  # fmt: skip
    return _with_retests(made, drawn, site.member, rng)


def _constants(site: Site, drawn: Drawn, size: int) -> dict[str, pl.Series]:
    words = {
        "parameter": drawn.assay.parameter,
        "population": drawn.assay.population,
        "stage": drawn.assay.stage,
        "sample": "-",
        "laboratory": laboratory_of(site.member, drawn),
        "method": drawn.assay.method,
        "replicate": "1",
        "unit": drawn.assay.unit,
    }
    return {
        name: pl.repeat(word, size, dtype=pl.String, eager=True)
        for name, word in words.items()
    }


def told(member: Member, drawn: Drawn) -> Floats:
    """The values as the laboratory reads them, of products as the site makes them.

    A planted difference moves viability after everything was drawn, and leaves a sound
    value above every harmless limit: no decision changes, here or under the usual
    criteria.
    """
    if drawn.assay.parameter != "viability":
        return drawn.values
    own = laboratory_of(member, drawn) == member.slug
    moved = member.reads_viability if own else 0.0
    moved += member.viability if drawn.assay.stage == "final_product" else 0.0
    lowest = drawn.assay.sound[0]
    floor = np.where(drawn.values >= lowest, lowest, 0.0)
    read: Floats = np.maximum(drawn.values + moved, floor)
    return read.round(drawn.assay.decimals)


def _values(drawn: Drawn, values: Floats, said: np.ndarray) -> dict[str, pl.Series]:
    """Comparator, value, text: a figure, one below what is measurable, or a word."""
    size = len(values)
    if drawn.assay.is_text:
        good, bad = ("negative", "positive")
        if drawn.assay.parameter == "karyotype":
            good, bad = ("normal", "abnormal")
        word = pl.Series(np.where(values > 0.5, bad, good), dtype=pl.String)
        empty = pl.repeat(None, size, dtype=pl.Float64, eager=True)
        return {
            "comparator": pl.repeat(None, size, dtype=pl.String, eager=True),
            "value": empty,
            "text": blank(word, said),
        }
    floor = drawn.assay.censored_below or 0.0
    below = values < floor
    return {
        "comparator": blank(
            pl.Series(np.where(below, "<", "="), dtype=pl.String), said
        ),
        "value": blank(pl.Series(np.where(below, floor, values)), said),
        "text": pl.repeat(None, size, dtype=pl.String, eager=True),
    }


def changed(site: Site) -> int:
    """The day on which the site's second specification came into force."""
    return site.first + (site.horizon - site.first) * 2 // 3


def _version_of(site: Site, start: Ints) -> pl.Series:
    return pl.Series(np.where(start < changed(site), *SPECIFICATIONS), dtype=pl.String)


def _with_retests(
    made: pl.DataFrame, drawn: Drawn, member: Member, rng: np.random.Generator
) -> pl.DataFrame:
    """A few invalid endotoxin tests, each repeated, where the system has states."""
    if drawn.assay.parameter != "endotoxin" or not member.has_states:
        return made
    again = pl.Series(rng.random(made.height) < INVALID) & (made["state"] == "valid")
    first = made.with_columns(
        state=pl.when(again).then(pl.lit("invalid")).otherwise("state"),
        verdict=pl.when(again).then(None).otherwise("verdict"),
    )
    second = made.filter(again).with_columns(
        replicate=pl.lit("2"), retest_of=pl.lit("1")
    )
    return pl.concat([first, second])
