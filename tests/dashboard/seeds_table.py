"""What many seeds came to: how often each plant is found, how often another flagged."""

from typing import Any

import polars as pl


def summary(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """One row a rule and plant: looks, flagged high and low, and the exact chances."""
    high, low = pl.col("flagged") == "high998", pl.col("flagged") == "low998"
    p, q = pl.col("chance"), pl.col("chance_low")
    return (
        pl.DataFrame(rows, infer_schema_length=None)
        .with_columns(pl.col("plant").fill_null("none"))
        .group_by("rule", "plant")
        .agg(
            pl.len().alias("looks"),
            high.sum().alias("high"),
            p.sum().alias("high_expected"),
            (p * (1 - p)).sum().sqrt().alias("high_sd"),
            low.sum().alias("low"),
            q.sum().alias("low_expected"),
            (q * (1 - q)).sum().sqrt().alias("low_sd"),
        )
        .sort("rule", "plant")
    )


SHOWN = (
    ("raw", "double_failure_rate", "a doubled failure rate, about 570 batches"),
    ("usual criteria", "double_failure_rate", "– under the usual criteria"),
    ("by product", "double_failure_rate", "– standardised by product"),
    ("raw", "too_small", "a doubled failure rate, about 12 batches"),
    ("raw", "stricter_criteria", "stricter criteria"),
    ("usual criteria", "stricter_criteria", "– under the usual criteria"),
    ("raw", "product_mix", "a harder product mix"),
    ("by product", "product_mix", "– standardised by product"),
    ("lot", "bad_vector_lot", "a bad vector lot at three sites"),
    ("staff", "staff_shortage", "slots lost to staff shortage"),
    ("discordance", "discordant_releases", "releases against recorded results"),
    ("silence", "stopped_reporting", "a site that stopped reporting"),
)
UNPLANTED = (
    ("raw", "failure rate"),
    ("usual criteria", "failure rate under the usual criteria"),
    ("by product", "failure rate standardised by product"),
    ("staff", "slots lost to staff shortage"),
    ("discordance", "releases against recorded results"),
    ("silence", "silence"),
    ("lot", "lots of all kinds"),
)


def markdown(table: pl.DataFrame) -> str:
    """The study as two tables: what was planted, and what was not."""
    row = {(r["rule"], r["plant"]): r for r in table.to_dicts()}
    lines = ["| Planted | Flagged | Of | Stated power |", "|---|--:|--:|--:|"]
    for rule, plant, words in SHOWN:
        r = row[rule, plant]
        share = f"{r['high_expected'] / r['looks']:.1%}"
        lines.append(f"| {words} | {r['high']} | {r['looks']} | {share} |")
    lines += [
        "", "| Not planted | Looks | Flagged high (expected) | Low (expected) |",
        "|---|--:|--:|--:|",
    ]  # fmt: skip
    for rule, words in UNPLANTED:
        r = row[rule, "none"]
        low = f"{r['low']} ({r['low_expected']:.1f})" if r["low_expected"] else "–"
        high = f"{r['high']} ({r['high_expected']:.1f})"
        if rule == "lot":
            high = f"{r['high']}"
        lines.append(f"| {words} | {r['looks']:,} | {high} | {low} |")
    return "\n".join(lines)
