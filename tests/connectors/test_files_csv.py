"""The quick way through CSV against the careful one: the same rows, refs and errors."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import _delimited, _lines, _plain_csv
from connectors._delimited import delimited_frames
from connectors._lines import Lines, texts
from connectors._tabular import UnreadableError

Outcome = tuple[list[tuple[str | None, ...]], list[str]] | str


def outcome(blocks: Iterator[bytes], encoding: str = "utf-8", row: int = 1) -> Outcome:
    """Rows and references, or why there are none."""
    rows: list[tuple[str | None, ...]] = []
    refs: list[str] = []
    try:
        for frame, places in delimited_frames(texts(blocks, encoding), ",", row):
            rows += frame.rows()
            refs += places.to_list()
    except UnreadableError as error:
        return str(error)
    return rows, refs


def carefully(content: bytes, row: int = 1) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_delimited, "records_of", lambda *_: None)
        return outcome(iter([content]), row=row)


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


PIECES = st.sampled_from(
    [
        "a",
        "ñ",
        ",",
        ",",
        "\n",
        "\n",
        "\r\n",
        "\r",
        '"',
        '"',
        '""',
        " ",
        "\ufeff",
        "1,2\n",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40), st.integers(1, 9), st.integers(1, 3))
def test_any_text_is_read_alike_whole_or_in_blocks(
    pieces: list[str], size: int, row: int
) -> None:
    content = "".join(["h,i\n" * row, *pieces]).encode()
    expected = carefully(content, row)
    with pytest.MonkeyPatch.context() as patch:
        assert outcome(iter([content]), row=row) == expected
        patch.setattr(_lines, "BLOCK", size)
        assert outcome(cut(content, size), row=row) == expected


VALUES = st.text(st.sampled_from('ab,"\n\r ñ'), max_size=5)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=30),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_was_written_is_read(
    rows: list[tuple[str, str, str]], end: str, quoting: int, encoding: str
) -> None:
    written = io.StringIO(newline="")
    # Python leaves a lone return bare, which every reader takes for a line end.
    tidy = [tuple(v.replace("\r", "\r\n") for v in row) for row in rows]
    writer = csv.writer(written, lineterminator=end, quoting=quoting)
    writer.writerows([("h", "i", "j"), *tidy])
    told = outcome(iter([written.getvalue().encode(encoding)]))
    expected = [tuple(v or None for v in row) for row in tidy if any(row)]
    assert told[0] == expected


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n\n,\n3,\ufeff4", 'a,b\n"x\ny",1\n"z",""\n', "a,b\r\n1,2\r\n\r\n3,\r\n"],
)
def test_plain_text_takes_the_quick_way(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = carefully(text.encode())
    monkeypatch.setattr(_delimited, "frames", None)
    assert outcome(iter([text.encode()])) == expected


def test_a_quotation_mark_that_is_never_closed_is_found_at_once_in_a_long_file() -> (
    None
):
    rest = b"1,2\n" * 3_000_000
    told = outcome(cut(b'a,b\n1,2\n"x,2\n' + rest, 2**20))
    assert isinstance(told, str)
    assert "begins on line 3" in told


def test_a_text_without_line_ends_does_not_fill_the_memory() -> None:
    taken = 0

    def sent() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"a" * 2**20

    with pytest.raises(UnreadableError, match="16 million characters without a line"):
        list(Lines(texts(sent(), "utf-8")))
    assert taken < 40


def test_a_record_where_polars_counts_differently_is_read_carefully(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = b"a,b\n1,2\n3,4\n"
    whole = _plain_csv._cut
    monkeypatch.setattr(_plain_csv, "_cut", lambda *given: whole(*given).head(1))
    assert outcome(iter([content])) == carefully(content)


@pytest.mark.parametrize("text", ["a,b\n\ufeff1,2\n", "a,b\n\n\r\n\ufeff1,2\n"])
def test_a_mark_in_the_midst_of_a_text_belongs_to_a_value(text: str) -> None:
    rows, _ = outcome(iter([text.encode()]))
    assert rows == [("\ufeff1", "2")]
