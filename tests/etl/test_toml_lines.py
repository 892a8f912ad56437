import tomllib
from collections.abc import Iterator

import pytest

from etl.toml_lines import KeyPath, key_lines, line_of

MESSY = """\
# a comment with [brackets] and = signs
[site]
name = "Alpha # not a comment"
"quoted key" = 1

[source.main]
kind = 'files'
nested.folder = "x"   # dotted
list = [
  "one, ]",  # with a bracket
  { a = 1, b = { c = 2 } },
  [1, 2],
]
when = 1979-05-27 07:32:00
text = \"\"\"
[not.a.table]
key = "inside"
two quotes at the end\"\"\"\"\"
raw = '''
[[nor.this]]
'''

[[dataset]]
name = "batch"
columns = { batch = "Nº de lote", started = { column = "In, {icio}", dates = "dmy" } }

[[dataset]]
name = "result"
[[dataset.each]]
when = "A"
[dataset.each.columns]
value = "A"
"a.b" = "c"
[[dataset.each]]
when = "B"
columns.value = "B"
"""


def paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def test_every_path_of_the_parsed_data_has_a_line_and_no_other_path_has():
    assert set(key_lines(MESSY)) == set(paths(tomllib.loads(MESSY)))


def test_windows_line_ends_give_the_same_lines():
    assert key_lines(MESSY.replace("\n", "\r\n")) == key_lines(MESSY)


@pytest.mark.parametrize(
    ("path", "start"),
    [
        (("site", "name"), "name = "),
        (("site", "quoted key"), '"quoted key"'),
        (("source",), "[source.main]"),
        (("source", "main", "nested", "folder"), "nested.folder"),
        (("source", "main", "list", 0), '  "one'),
        (("source", "main", "list", 1, "b", "c"), "  { a"),
        (("source", "main", "list", 2, 1), "  [1, 2]"),
        (("source", "main", "raw"), "raw = "),
        (("dataset", 0, "columns", "started", "dates"), "columns = { batch"),
        (("dataset", 1), "[[dataset]]"),
        (("dataset", 1, "name"), 'name = "result"'),
        (("dataset", 1, "each", 0, "columns", "a.b"), '"a.b"'),
        (("dataset", 1, "each", 1), "[[dataset.each]]"),
        (("dataset", 1, "each", 1, "columns", "value"), "columns.value"),
    ],
)
def test_a_path_is_found_on_the_line_a_person_would_point_at(path, start):
    line = key_lines(MESSY)[path]
    assert MESSY.splitlines()[line - 1].startswith(start)


def test_tables_of_one_list_stand_on_lines_of_their_own():
    lines = key_lines(MESSY)
    assert lines["dataset", 0] < lines["dataset", 1] < lines["dataset", 1, "each", 1]


def test_what_is_not_written_is_looked_for_in_the_table_around_it():
    lines = key_lines(MESSY)
    assert line_of(lines, ("dataset", 1, "from")) == lines["dataset", 1]
    assert line_of(lines, ("privacy", "key")) == 1
