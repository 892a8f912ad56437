"""What lives in the made-up network, as the figures that its pages must show."""

from typing import Any

import polars as pl

from etl.demo.world import Part, World

Truth = dict[str, Any]


def living(world: World) -> Truth:
    """The figures of the sites that each page is to show, by site."""
    return {part.member.slug: _lived(part) for part in world.parts}


def _lived(part: Part) -> Truth:
    batch = part.frames["batch"]
    split = batch.group_by("pathway", "trial").len().sort("pathway", "trial")
    results = part.frames["result"]
    permits = part.frames["authorisation"].sort("valid_from", "product", "kind")
    return {
        "batches": batch.height,
        "by_pathway_and_trial": split.rows(),
        "cells_final": batch["cells_final"].sum(),
        "authorised_from": [str(day) for day in permits["valid_from"]],
        "nominal_capacity": part.member.nominal,
        "results_by_laboratory": dict(
            results.group_by("laboratory").len().sort("laboratory").iter_rows()
        ),
        "provisional_without_final": _open_certificates(part.frames["release"]),
    }


def _open_certificates(release: pl.DataFrame) -> int:
    out = release.filter(
        pl.col("gate") == "provisional", pl.col("decision") != "rejected"
    )
    final = release.filter(pl.col("gate") == "final")
    return out.join(final, on="batch", how="anti").height
