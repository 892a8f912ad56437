"""Batches and decisions of one site, as typed contract frames."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from etl.demo.lives import (
    NEVER,
    OUT_OF_SPEC,
    REJECTED,
    SPOILED,
    TERMINATED,
    TERMINATIONS,
    WORDS,
    Lives,
    known,
)
from etl.demo.members import Member
from etl.demo.quality import Floats
from etl.demo.schedule import Ints


@dataclass(frozen=True)
class Site:
    """What the frames of one site are made from.

    `first` and `horizon` are the first day of its history and the last day it has
    spoken of; `batch` are its own batch numbers and `line` each batch's line.
    """

    member: Member
    first: int
    horizon: int
    batch: pl.Series
    line: Ints
    start: Ints
    lives: tuple[Lives, ...]

    def gather(self, name: str) -> Ints:
        """One array of the lives for all batches, in order of their start."""
        whole = np.full(len(self.start), NEVER, dtype=np.int64)
        for life in self.lives:
            whole[life.rows] = getattr(life, name)
        return whole


def dates(days: Ints, horizon: int) -> pl.Series:
    """Days since 1970 as dates; what lies past the horizon is empty."""
    seen = known(days, horizon)
    filled = pl.Series(np.where(seen < NEVER, seen, 0)).cast(pl.Int32).cast(pl.Date)
    return filled.set(pl.Series(seen >= NEVER), None)


def blank(values: pl.Series, kept: np.ndarray) -> pl.Series:
    """The values where `kept`, empty elsewhere."""
    return values.set(pl.Series(~kept), None)


def numbers(site: Site) -> pl.Series:
    """The site's own batch numbers; those of two sites may well be equal."""
    first = np.datetime64("1970-01-01", "D") + site.start
    year = first.astype("datetime64[Y]").astype(np.int64) % 100 + 70
    digits = max(3, len(str(len(site.start))))
    prefix = "" if site.member.system == "csv" else site.member.slug[:2].upper()
    rank = np.arange(1, len(site.start) + 1)
    return pl.Series(
        "batch",
        [
            f"{prefix}{y % 100:02d}-{r:0{digits}d}"
            for y, r in zip(year, rank, strict=True)
        ],
        dtype=pl.String,
    )


def batch_frame(site: Site, rng: np.random.Generator) -> pl.DataFrame:
    """The site's `batch` rows; order and attempt are filled in by its demand."""
    frozen = rng.random(len(site.start)) < 0.15
    made = _made_of(site, frozen, rng)
    return pl.DataFrame(_lived(site, frozen, rng) | made | _amounts(site, rng))


def _lived(
    site: Site, frozen: np.ndarray, rng: np.random.Generator
) -> dict[str, pl.Series]:
    """What each batch is, its days, and what became of it."""
    size, lines, fate = len(site.start), site.member.lines, site.gather("fate")
    late_start = rng.integers(0, 2, size)
    collected = site.start - np.where(frozen, rng.integers(5, 21, size), 1)
    days = {
        "collected": collected,
        "received": collected + 1 - late_start,
        "started": site.start,
        "harvested": site.gather("harvest"),
        "infused": site.gather("infused"),
        "ended": site.gather("ended"),
    }
    stage, category = _reasons(site, fate)
    over = days["ended"] <= site.horizon
    return {
        "site": pl.repeat(site.member.slug, size, eager=True),
        "batch": site.batch,
        **{
            name: pl.Series(
                [getattr(lines[i], name) for i in site.line], dtype=pl.String
            )
            for name in ("product", "pathway", "trial")
        },
        **{name: dates(day, site.horizon) for name, day in days.items()},
        "outcome": _outcomes(site, fate, days["ended"]),
        "failure_stage": blank(stage, over),
        "failure_category": blank(category, over),
    }


def _made_of(
    site: Site, frozen: np.ndarray, rng: np.random.Generator
) -> dict[str, pl.Series]:
    size = len(site.start)
    return {
        "process": pl.repeat(site.member.process, size, eager=True),
        "facility_grade": pl.repeat("b", size, eager=True),
        "medium": _either(rng.random(size) < 0.7, "texmacs", "x-vivo-15"),
        "starting_material": _either(frozen, "frozen", "fresh"),
    }


def _amounts(site: Site, rng: np.random.Generator) -> dict[str, pl.Series]:
    """Cells, volumes, doses and hours, as far as they are known by now."""
    size = len(site.start)
    cells, planned, doses = _cells_and_doses(site, rng)
    harvested = site.gather("harvest") <= site.horizon
    over = site.gather("ended") <= site.horizon
    released = (site.gather("fate") <= OUT_OF_SPEC) & (_decided(site) <= site.horizon)
    infused = site.gather("infused") <= site.horizon
    volume = pl.Series(np.round(rng.uniform(90, 110, size), 1))
    hours = pl.Series(np.round(rng.normal(78, 11, size).clip(20), 1))
    return {
        "cells_planned": pl.Series(planned),
        "cells_final": blank(pl.Series(cells), harvested),
        "final_volume_ml": blank(volume, harvested),
        "recipient_weight_band_kg": _weights(site, rng),
        "doses_made": blank(pl.Series(doses), harvested),
        "doses_released": blank(
            pl.Series(np.where(released, doses, 0)), released | over
        ),
        "doses_infused": blank(pl.Series(infused.astype(np.int64)), over),
        "labour_hours": blank(hours, over),
    }


def _decided(site: Site) -> Ints:
    """The day of the first decision on each batch."""
    return np.minimum(site.gather("provisional"), site.gather("final"))


def _either(first: np.ndarray, yes: str, no: str) -> pl.Series:
    return pl.Series(np.where(first, yes, no), dtype=pl.String)


def _outcomes(site: Site, fate: Ints, ended: Ints) -> pl.Series:
    """The site's own word for what became of a batch, once it knows."""
    settled = np.where(fate <= REJECTED, _decided(site), ended) <= site.horizon
    return pl.Series(np.where(settled, WORDS[fate], "in_process"), dtype=pl.String)


def _reasons(site: Site, fate: Ints) -> tuple[pl.Series, pl.Series]:
    """Failure stage and category of each batch that gave no product or was not used."""
    reason, infused = site.gather("reason"), site.gather("infused")
    table = np.array([(s, c) for s, c, _ in TERMINATIONS], dtype=object)
    names = np.full((len(fate), 2), None, dtype=object)
    gone = fate == TERMINATED
    names[gone] = table[reason[gone]]
    for life in site.lives:
        refused = life.rows[life.fate == REJECTED]
        for position in np.unique(reason[refused]):
            which = refused[reason[refused] == position]
            names[which] = ("quality_control", life.category[position])
    names[fate == SPOILED] = ("logistics", "transport")
    names[(fate <= OUT_OF_SPEC) & (infused >= NEVER)] = ("clinical", "patient_died")
    return (
        pl.Series(names[:, 0].tolist(), dtype=pl.String),
        pl.Series(names[:, 1].tolist(), dtype=pl.String),
    )


def _cells_and_doses(
    site: Site, rng: np.random.Generator
) -> tuple[Floats, Floats, Ints]:
    """Cells at the end, cells planned and doses, by each product's usual range."""
    size = len(site.start)
    cells, planned = np.zeros(size), np.zeros(size)
    doses = np.ones(size, dtype=np.int64)
    for life in site.lives:
        low, high = life.product.cells
        drawn = low + (high - low) * rng.beta(2, 2, len(life.rows))
        cells[life.rows] = np.round(drawn, -6)
        planned[life.rows] = low
        if life.product.source == "allogeneic":
            doses[life.rows] = rng.integers(2, 9, len(life.rows))
    return cells, planned, doses


def _weights(site: Site, rng: np.random.Generator) -> pl.Series:
    """5-kg weight bands of the recipients of autologous products."""
    bands = pl.Series(5 * rng.integers(10, 20, len(site.start)))
    own = np.zeros(len(site.start), dtype=np.bool_)
    for life in site.lives:
        own[life.rows] = life.product.source == "autologous"
    return blank(bands, own)


def release_frame(site: Site) -> pl.DataFrame:
    """The decisions the site has taken so far, one row a batch and gate."""
    parts = [part for life in site.lives for part in _decisions(site, life)]
    return pl.concat(parts).filter(pl.col("decided").is_not_null())


def _decisions(site: Site, life: Lives) -> list[pl.DataFrame]:
    word = np.where(life.fate <= REJECTED, WORDS[np.minimum(life.fate, REJECTED)], "-")
    reasons = np.array([*life.category], dtype=object)[
        np.where(life.fate == TERMINATED, 0, life.reason)
    ]
    first = np.full(len(life.fate), None, dtype=object)
    first[life.fate == REJECTED] = reasons[life.fate == REJECTED]
    first[life.fate == OUT_OF_SPEC] = "urgent_medical_need"
    if not life.product.two_stage:
        return [_gate(site, life, "release", (word, life.final, first))]
    final = np.where(life.late_failure, WORDS[REJECTED], word)
    late = np.where(life.late_failure, "other", first)
    return [
        _gate(site, life, "provisional", (word, life.provisional, first)),
        _gate(site, life, "final", (final, life.final, late)),
    ]


def _gate(
    site: Site, life: Lives, gate: str, said: tuple[np.ndarray, Ints, np.ndarray]
) -> pl.DataFrame:
    word, day, reason = said
    return pl.DataFrame(
        {
            "site": pl.repeat(site.member.slug, len(day), eager=True),
            "batch": site.batch[life.rows],
            "gate": pl.repeat(gate, len(day), eager=True),
            "decision": pl.Series(word, dtype=pl.String),
            "decided": dates(day, site.horizon),
            "reason": pl.Series(reason.tolist(), dtype=pl.String),
        }
    )
