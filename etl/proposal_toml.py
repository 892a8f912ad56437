"""A proposal as the text of a site's file, with its open places marked."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from etl.proposal import Table
from etl.proposal_draft import Block, Entry, Line, Style, entries

HEAD: Final = """\
# Proposed by `pocnet map`. Before it is used:
# - fill in what is marked "FILL IN", and look at what is marked "check";
# - lines behind a # are not sure: the number is how sure, from 0 to 1, then why;
# - then run `pocnet config check`, and `pocnet doctor` with the name of this file.
"""
SITE: Final = """\

[site]
# name = ""                  # FILL IN: the site's name, as pages show it
# country = ""               # FILL IN: ISO 3166-1, such as ES
kind = "manufacturer"        # check: or testing_laboratory, or both
stage = "onboarding"         # check
"""
PRIVACY: Final = """\

# Set this variable to a long random text that only the site has.
[privacy]
key = {{ env = "{variable}" }}
key_id = "k1"
"""
_TO_FILL: Final = "FILL IN"


def site_text(tables: Sequence[Table], slug: str, source: str) -> str:
    """A whole site file: who it is (to be filled in), its source, style and entries."""
    return HEAD + frame_text(slug, source, _style_text(tables)) + entries_text(tables)


def frame_text(slug: str, source: str, style: str) -> str:
    """All of a site's file that stands before its entries."""
    variable = "POCNET_KEY_" + slug.upper().replace("-", "_")
    return SITE + source + style + PRIVACY.format(variable=variable)


def source_text(folder: str) -> str:
    """A source that is a folder of files."""
    return f'\n[source.main]\nkind = "files"\nfolder = {text(folder)}\n'


def entries_text(
    tables: Sequence[Table], source: str | None = None, style: Style | None = None
) -> str:
    """The `[[dataset]]` entries alone, for a site whose file is there already.

    `style` is what its [style] says: a column that is written otherwise says so.
    """
    style = style or common_style(tables)
    written = []
    for table in tables:
        for entry in entries(table, style):
            written.append("\n".join(_entry(entry, source)))
        written.append("\n".join(_left(table)))
    return "\n" + "\n\n".join(text for text in written if text) + "\n"


def common_style(tables: Sequence[Table]) -> Style:
    """How most tables are written; null where none shows it."""
    decimals = [table.decimal for table in tables if table.decimal]
    orders = [table.dates for table in tables if table.dates not in (None, "iso")]
    iso = any(table.dates == "iso" for table in tables)
    return Style(
        max(decimals, key=decimals.count, default=None),
        max(orders, key=orders.count, default="iso" if iso else None),
    )


def _style_text(tables: Sequence[Table]) -> str:
    style = common_style(tables)
    unclear = style.dates is None and any(
        "day first" in guess.doubt for table in tables for guess in table.guesses
    )
    lines = ["", "[style]"]
    if style.decimal:
        lines.append(f'decimal = "{style.decimal}"')
    if style.dates:
        lines.append(f'dates = "{style.dates}"')
    elif unclear:
        lines.append('# dates = "dmy"  # FILL IN: dmy or mdy; no value shows which')
    lines.append('# time_zone = "Europe/Madrid"  # check: for moments without a zone')
    return "\n".join(lines) + "\n"


def _entry(entry: Entry, source: str | None) -> Iterator[str]:
    mark = "# " if entry.lacks else ""
    if entry.lacks:
        yield f"# Not used as it is: {entry.lacks}."
    yield f"{mark}[[dataset]]"
    yield f"{mark}name = {text(entry.dataset)}"
    if source is not None:
        yield f"{mark}source = {text(source)}"
    yield f"{mark}from = {text(entry.location)}"
    if entry.read:
        yield f"{mark}read = {_inline(entry.read)}"
    yield from (mark + line for line in _columns("dataset.columns", entry.lines))
    for block in entry.each:
        yield from _block(block, mark)


def _block(block: Block, mark: str) -> Iterator[str]:
    if block.remark:
        yield f"# Not sure, {_plain(block.remark)}"
    mark = mark or ("" if block.live else "# ")
    yield f"{mark}[[dataset.each]]"
    yield f"{mark}when = {text(block.when)}"
    lines = _columns("dataset.each.columns", block.lines)
    yield from (line if line.startswith("#") else mark + line for line in lines)


def _columns(name: str, lines: Iterable[Line]) -> Iterator[str]:
    """The columns, those on one line first: a TOML table ends where another begins."""
    short = [line for line in lines if not _is_long(line)]
    yield f"[{name}]"
    for line in short:
        told = f"{line.target} = {_value(line.rule)}"
        yield _remarked(told, line)
    for line in lines:
        if _is_long(line):
            yield from _long(name, line)


def _is_long(line: Line) -> bool:
    return isinstance(line.rule, Mapping) and bool("codes" in line.rule or line.unknown)


def _long(name: str, line: Line) -> Iterator[str]:
    assert isinstance(line.rule, Mapping)
    mark = "" if line.live else "# "
    yield _remarked(f"[{name}.{line.target}]", line)
    for key, value in line.rule.items():
        if key != "codes":
            yield f"{mark}{key} = {_value(value)}"
    yield f"{mark}[{name}.{line.target}.codes]"
    codes = line.rule.get("codes", {})
    assert isinstance(codes, Mapping)
    for word, ours in codes.items():
        yield f"{mark}{text(word)} = {text(str(ours))}"
    for word in line.unknown:
        yield f'# {text(word)} = ""  # {_TO_FILL}, or rows that say so are refused'


def _remarked(told: str, line: Line) -> str:
    told = told if line.live else f"# {told}"
    return f"{told}  # {_plain(line.remark)}" if line.remark else told


def _plain(remark: str) -> str:
    """A remark on one line: names of columns may hold line breaks and worse."""
    return " ".join("".join(c if c.isprintable() else " " for c in remark).split())


def _left(table: Table) -> Iterator[str]:
    left = [guess for guess in table.guesses if not guess.mapped]
    if left:
        yield f"# Not mapped, of {_plain(table.location)}:"
    for guess in left:
        yield f"#   {text(guess.column)}: {_plain(guess.doubt)}"


def text(said: str) -> str:
    """A text of TOML; a JSON text is one, too, but for one sign."""
    return json.dumps(said, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return _inline(value)
    if isinstance(value, str):
        return text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inline(table: Mapping[str, object]) -> str:
    told = ", ".join(f"{key} = {_value(value)}" for key, value in table.items())
    return f"{{ {told} }}"
