"""The tables that each made-up site's system holds, and the mapping that reads them.

Long tables have one record a contract row. A site with `wide` results keeps one record
a batch and one pair of columns a test, as most spreadsheets do.
"""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from etl.contract.schemas import SENT
from etl.demo.members import LABORATORY, Member
from etl.demo.notation import (
    Notation,
    Rules,
    day,
    header,
    named,
    notation_of,
    number,
    spoken,
    written,
)
from etl.demo.world import Part, World
from etl.pseudonym import pseudonym

KEY_ID = "k1"
_CELL = ("comparator", "value", "text")


@dataclass(frozen=True)
class Entry:
    """One `[[dataset]]`: a table of texts and the rules that read it."""

    dataset: str
    table: pl.DataFrame
    rules: Rules
    each: list[dict[str, Any]] = field(default_factory=list)
    part: str = ""

    @property
    def rows_of(self) -> pl.Expr:
        """How many contract rows a record gives."""
        if not self.each:
            return pl.lit(1)
        return pl.sum_horizontal(
            pl.col(block["when"]).is_not_null().cast(pl.Int64) for block in self.each
        )


def entries(world: World, part: Part) -> list[Entry]:
    """Everything a member's system holds, dataset by dataset."""
    notation = notation_of(part.member)
    made: list[Entry] = []
    for dataset in SENT:
        frame = sent(world, part, dataset)
        if frame.is_empty():
            continue
        if dataset == "result":
            made += _results(notation, part.member, frame)
        else:
            made.append(_long(notation, dataset, frame))
    return made


def sent(world: World, part: Part, dataset: str) -> pl.DataFrame:
    """The contract rows that a member itself sends, with `site` only where it says it.

    What the testing laboratory ran it sends under the owner's pseudonyms, provided
    that it is in the network; else the owner sends it.
    """
    if dataset == "result" and part.member.slug == LABORATORY:
        return _tested(world)
    frame = part.frames[dataset]
    if dataset == "result" and LABORATORY in world.by_slug:
        frame = frame.filter(pl.col("laboratory") != LABORATORY)
    own = ["site", "laboratory"] if dataset == "ring_trial" else ["site"]
    return frame.drop(own, strict=False)


def _tested(world: World) -> pl.DataFrame:
    """The testing laboratory's rows of all its clients, labelled as they label them."""
    parts = [
        part.frames["result"]
        .filter(pl.col("laboratory") == LABORATORY)
        .with_columns(labelled(part, pl.col("batch")).alias("batch"))
        for part in world.parts
    ]
    return pl.concat(parts)


def labelled(part: Part, own: pl.Expr) -> pl.Expr:
    """The pseudonym that a site puts on its samples instead of its own number."""
    numbers = part.site.batch.to_list()
    made = [pseudonym(n, part.member.slug, part.key, KEY_ID) for n in numbers]
    return own.replace_strict(numbers, made, return_dtype=pl.String)


def _long(notation: Notation, dataset: str, frame: pl.DataFrame) -> Entry:
    if dataset == "material" and notation.heads == "words":
        # As it stands on the label: with a separator that no other site writes.
        lot = pl.col("lot").str.replace(r"^([A-Z]+)", "${1}-")
        table, rules = written(notation, dataset, frame.with_columns(lot))
    else:
        table, rules = written(notation, dataset, frame)
    return Entry(dataset, table, rules)


def _results(notation: Notation, member: Member, frame: pl.DataFrame) -> list[Entry]:
    wide = pl.lit(member.wide) & (pl.col("stage") == "final_product")
    made = []
    rest = frame.filter(~wide)
    if not rest.is_empty():
        made.append(_long_results(notation, rest))
    wide_rows = frame.filter(wide)
    if not wide_rows.is_empty():
        made.append(_wide_results(notation, member, wide_rows))
    return made


def _long_results(notation: Notation, frame: pl.DataFrame) -> Entry:
    cells = frame.with_columns(cell(notation).alias("value"))
    gone = ["comparator", "text", "sample"]
    gone += [] if notation.says_state else ["state"]
    table, rules = written(notation, "result", cells.drop(gone))
    return Entry("result", table, rules)


def cell(notation: Notation) -> pl.Expr:
    """What stands in the result's cell: `<0,1`, `149,5 × 10^6`, `negativo`, `nd`."""
    figure = number(notation, pl.col("value"))
    if notation.powers:
        # In whole hundredths of a million: a division would leave 140.79999999999998.
        parts = (pl.col("value") / 1e4).round().cast(pl.Int64)
        cents = (parts % 100).cast(pl.String).str.zfill(2)
        sign = pl.lit(notation.decimal)
        power = pl.concat_str(parts // 100, sign, cents, pl.lit(" × 10^6"))
        figure = pl.when(pl.col("parameter") == "dose").then(power).otherwise(figure)
    sign = pl.when(pl.col("comparator") == "<").then(pl.lit("<")).otherwise(pl.lit(""))
    known = ("negative", "positive", "normal", "abnormal")
    said = pl.col("text").replace({w: spoken(notation, "texts", w) for w in known})
    states = {w: spoken(notation, "texts", w) for w in ("not_done", "pending")}
    state = pl.col("state").replace_strict(states, default=None, return_dtype=pl.String)
    found = pl.coalesce(said, pl.concat_str(sign, figure))
    return found if notation.says_state else pl.coalesce(found, state)


def _wide_results(notation: Notation, member: Member, frame: pl.DataFrame) -> Entry:
    """One record a batch; each test has its value and the day of its report."""
    test = ["parameter", "population", "method", "unit"]
    tests = frame.select(test).unique(maintain_order=True).rows(named=True)
    heads = {tuple(t.values()): _head(notation, t, tests) for t in tests}
    fraction = [
        k for k in heads if member.slug == "rhodanie" and k[0] == "car_positive"
    ]
    told = frame.with_columns(
        key=pl.struct(test).map_elements(
            lambda t: heads[tuple(t.values())], return_dtype=pl.String
        ),
        cell=pl.when(pl.col("parameter").is_in([k[0] for k in fraction]))
        .then(number(notation, (pl.col("value") / 100).round(6)))
        .otherwise(cell(notation)),
        day=day(notation, pl.col("reported")),
    )
    keys = ["batch", "sampled", "spec_version"]
    told = told.with_columns(sampled=day(notation, pl.col("sampled")))
    table = told.pivot("key", index=keys, values=["cell", "day"])
    own = {c: header(notation, "result", c) for c in keys}
    report = header(notation, "result", "reported")
    names = {f"cell_{h}": h for h in heads.values()}
    names |= {f"day_{h}": f"{h} {report}" for h in heads.values()}
    each = [_block(k, h, f"{h} {report}", k in fraction) for k, h in heads.items()]
    constants = {
        "stage": "final_product", "replicate": "1", "laboratory": member.slug,
    }  # fmt: skip
    rules = own | {c: {"constant": v} for c, v in constants.items()}
    return Entry("result", table.rename({**own, **names}), rules, each, "wide")


def _head(notation: Notation, test: dict[str, str], tests: list[dict[str, str]]) -> str:
    """A column's head: the test's name, its population where two differ, its unit."""
    name = named(notation, test["parameter"])
    if sum(t["parameter"] == test["parameter"] for t in tests) > 1:
        name = f"{name} {test['population']}"
    unit = test["unit"]
    return f"{name} ({spoken(notation, 'units', unit)})" if unit else name


def _block(
    test: tuple[str, ...], head: str, report: str, fraction: bool
) -> dict[str, Any]:
    parameter, population, method, unit = test
    value: Any = {"column": head, "fraction": True} if fraction else head
    columns = {
        "parameter": {"constant": parameter},
        "population": {"constant": population},
        "method": {"constant": method},
        "value": value,
        "reported": report,
    }
    if unit:
        columns["unit"] = {"constant": unit}
    return {"when": head, "columns": columns}
