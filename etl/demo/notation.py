"""How each made-up site writes: headers, words, numbers, dates.

A frame of the contract becomes a table of texts as the site's system would hold it,
with the column rules that lead back; nothing is lost on the way.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from etl.contract.parameters import parameters
from etl.contract.schemas import SCHEMAS
from etl.contract.vocabulary import VOCABULARIES
from etl.demo.members import Member

Rules = dict[str, Any]
LANGUAGES = ("es", "fr", "de", "it", "sv")
_ZONES = {"ES": "Europe/Madrid", "FR": "Europe/Paris", "DE": "Europe/Berlin",
          "IT": "Europe/Rome", "SE": "Europe/Stockholm", "NL": "Europe/Amsterdam",
          "GB": "Europe/London", "CN": "Asia/Shanghai"}  # fmt: skip
_PATTERNS = {"iso": "%Y-%m-%d", "dmy": "%d/%m/%Y", "ymd": "%y-%m-%d", "mdy": "%m/%d/%Y"}


@dataclass(frozen=True)
class Notation:
    """One site's way of writing.

    `heads` is how columns are named (words, upper, camel, redcap), `says_state` whether
    results have a column of their own for pending and invalid, `pattern` how a day is
    written under the declared order `dates`.
    """

    language: str
    heads: str
    decimal: str = "."
    dates: str = "iso"
    pattern: str = "%Y-%m-%d"
    says_state: bool = False
    powers: bool = False
    delimiter: str = ";"
    encoding: str = "utf-8"
    zone: str = "UTC"

    @property
    def place(self) -> int | None:
        """The position of the site's language in the word lists."""
        return LANGUAGES.index(self.language) if self.language in LANGUAGES else None


_BY_LANGUAGE = {
    "es": Notation("es", "words", ",", "dmy", "%d/%m/%Y", powers=True,
                   encoding="latin-1"),
    "fr": Notation("fr", "words", ",", "dmy", "%d/%m/%Y", encoding="utf-8-sig"),
    "de": Notation("de", "words", ",", "dmy", "%d.%m.%Y", encoding="cp1252"),
    "it": Notation("it", "words", ",", "dmy", "%d/%m/%y", delimiter="|"),
    "sv": Notation("sv", "words", ",", encoding="latin-1"),
    "en": Notation("en", "words", delimiter=","),
}  # fmt: skip
_BY_SYSTEM: dict[str, dict[str, Any]] = {
    "csv": {},
    "xlsx": {},
    "sql": {"heads": "upper", "says_state": True, "decimal": ".", "dates": "iso",
            "pattern": "%Y-%m-%d", "powers": False},
    "redcap": {"heads": "redcap", "says_state": True, "decimal": ".", "dates": "iso",
               "pattern": "%Y-%m-%d", "powers": False},
    "rest": {"heads": "camel", "says_state": True},
}  # fmt: skip
_BY_SITE: dict[str, dict[str, Any]] = {
    "armorelle": {"dates": "excel", "pattern": ""},
    "amstelrade": {"pattern": "%Y-%m-%dT10:00:00+01:00"},
    "garonnette": {"dates": "dmy", "pattern": "%d-%m-%Y"},
    "cheviotdale": {"dates": "mdy", "pattern": "%m/%d/%Y"},
    "neckarau": {"delimiter": "\t"},
}


def notation_of(member: Member) -> Notation:
    """The way a site writes, by its language, its system and its own habits."""
    made = replace(_BY_LANGUAGE[member.language], **_BY_SYSTEM[member.system])
    return replace(made, zone=_ZONES[member.country], **_BY_SITE.get(member.slug, {}))


@cache
def words() -> Mapping[str, Any]:
    """The word lists of the made-up sites."""
    text = files("etl.demo").joinpath("words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def header(notation: Notation, dataset: str, column: str) -> str:
    """What the site calls a column of a dataset."""
    if notation.heads == "upper":
        return column.upper()
    if notation.heads == "redcap":
        return "record_id" if column == "batch" else f"{dataset[:4]}_{column}"
    if notation.heads == "camel":
        first, *rest = column.split("_")
        return first + "".join(part.title() for part in rest)
    if notation.place is None:
        return column.replace("_", " ").capitalize()
    return str(words()["columns"][column][notation.place])


def file_name(notation: Notation, dataset: str) -> str:
    """What the site calls the file, sheet, table or form of a dataset."""
    if notation.heads != "words" or notation.place is None:
        return dataset
    return str(words()["files"][dataset][notation.place])


def spoken(notation: Notation, kind: str, word: str) -> str:
    """A text, state or unit in the site's language."""
    known = words()[kind].get(word)
    if known is None or notation.heads != "words" or notation.place is None:
        return word.replace("_", " ") if kind == "texts" else word
    return str(known[notation.place])


def number(notation: Notation, value: pl.Expr) -> pl.Expr:
    """Numbers as the site writes them; whole ones without a decimal sign."""
    whole = value.cast(pl.Int64, strict=False).cast(pl.String)
    text = pl.when(value == value.floor()).then(whole).otherwise(value.cast(pl.String))
    return text.str.replace(".", notation.decimal, literal=True)


def day(notation: Notation, value: pl.Expr) -> pl.Expr:
    """Days as the site writes them; a spreadsheet may hold only their serial number."""
    if notation.dates == "excel":
        return (value.to_physical() + 25569).cast(pl.String)
    return value.dt.strftime(notation.pattern)


def written(
    notation: Notation, dataset: str, frame: pl.DataFrame
) -> tuple[pl.DataFrame, Rules]:
    """The site's table of a frame, and the rule for each contract column.

    Columns that hold nothing at all are not there.
    """
    kept = [c for c in frame.columns if frame[c].null_count() < frame.height]
    cells, rules = [], {}
    for column in kept:
        head = header(notation, dataset, column)
        codes = _codes(notation, dataset, column, frame[column])
        cells.append(_cell(notation, frame, column, codes).alias(head))
        back = {said: ours for ours, said in codes.items() if said != ours}
        rules[column] = {"column": head, "codes": back} if back else head
    return frame.select(cells), rules


def _cell(
    notation: Notation, frame: pl.DataFrame, column: str, codes: Mapping[str, str]
) -> pl.Expr:
    value = pl.col(column)
    kind = frame.schema[column]
    if kind == pl.Date:
        return day(notation, value)
    if column == "recipient_weight_band_kg" and notation.heads == "words":
        return pl.concat_str(value, pl.lit("-"), value + 5)
    if kind.is_float():
        return number(notation, value)
    if codes:
        return value.replace(dict(codes))
    return value.cast(pl.String)


def _codes(
    notation: Notation, dataset: str, column: str, values: pl.Series
) -> dict[str, str]:
    """The site's word for each of the network's words that the column holds."""
    used = sorted(v for v in values.unique().to_list() if isinstance(v, str))
    if column == "unit":
        return {u: spoken(notation, "units", u) for u in used}
    if column == "product":
        return {p: p.upper().replace("-", " ") for p in used if p != "all"}
    if column == "outcome":
        return {w: _coded(notation, column, w) for w in used}
    if column == "parameter" and notation.heads == "words":
        return _synonyms(notation, used)
    named = (SCHEMAS[dataset].columns()[column].metadata or {}).get("vocabulary")
    if named is None:
        return {}
    if notation.heads == "redcap":
        order = VOCABULARIES[str(named)]
        return {w: str(order.index(w) + 1) for w in used}
    return {w: _coded(notation, column, w) for w in used}


def _coded(notation: Notation, column: str, word: str) -> str:
    if notation.heads == "upper":
        return word.upper()
    known = words()["codes"].get(column, {}).get(word)
    if known is None or notation.heads != "words" or notation.place is None:
        return word
    return str(known[notation.place])


def _synonyms(notation: Notation, used: list[str]) -> dict[str, str]:
    """The site's name of each test; where two share one, the network's code."""
    found = {code: named(notation, code) for code in used}
    said = list(found.values())
    return {code: s for code, s in found.items() if said.count(s) == 1}


def named(notation: Notation, code: str) -> str:
    """The first name of a parameter in the site's language that its files can hold."""
    names = parameters()[code].synonyms.get(notation.language, ())
    encoding = notation.encoding
    fit = [n for n in names if n.encode(encoding, "replace").decode(encoding) == n]
    return fit[0] if fit else code
