"""Text as it arrives, block by block: its encoding found, its lines counted."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from connectors._tabular import UnreadableError

BLOCK = 2**22
"""Bytes read at a time: enough to be quick, little enough to be forgotten."""

LONGEST = 2**24

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What a text may begin with; it tells the encoding more surely than a person."""

_END = re.compile(r"\r\n|\r|\n")


def texts(blocks: Iterable[bytes], declared: str) -> Iterator[str]:
    """The bytes as text, in the encoding their start shows, else the declared one."""
    gathered = _gathered(blocks)
    first = next(gathered, b"")
    if first.startswith(b"PK\x03\x04"):
        raise UnreadableError("is a workbook or archive, not text; name it .xlsx")
    shown = (name for mark, name in MARKS.items() if first.startswith(mark))
    decoder = codecs.getincrementaldecoder(next(shown, declared))()
    try:
        yield decoder.decode(first)
        for block in gathered:
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeError:
        raise UnreadableError(
            f"is not written in {declared}; set read.encoding (Excel's CSV is mostly "
            f"cp1252 or latin-1)"
        ) from None


def _gathered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= BLOCK:
            yield b"".join(held)
            held = []
    yield b"".join(held)


class Lines:
    """The lines of a text one by one, each with its end, whichever of the three it is.

    `taken` counts them from the first of the file. What was not taken can be had as it
    came, for a reader that does not go by lines.
    """

    def __init__(self, texts: Iterator[str], taken: int = 0) -> None:
        self._texts = texts
        self._text, self._at = "", 0
        self.taken = taken

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        end = _END.search(self._text, self._at)
        # A return at the end of what has come may be half of a line end.
        while end is None or end.end() == len(self._text):
            more = next(self._texts, None)
            if more is None:
                break
            self._text, self._at = self._text[self._at :] + more, 0
            if len(self._text) > LONGEST + BLOCK:
                raise UnreadableError(
                    f"has more than {LONGEST // 2**20} million characters without a "
                    f"line end after line {self.taken}; send it again"
                )
            end = _END.search(self._text, self._at)
        begin, self._at = self._at, end.end() if end else len(self._text)
        if begin == self._at:
            raise StopIteration
        self.taken += 1
        return self._text[begin : self._at]

    def rest(self) -> Iterator[str]:
        """All that was not taken."""
        yield self._text[self._at :]
        yield from self._texts
