"""Where in a TOML file each key stands, because tomllib does not say.

A person who is told `line 31` mends the mistake; one who is told `columns.batch` looks
for it. The reader below walks text that tomllib has already accepted, so it needs no
rules about what is valid, only where keys, strings, brackets and comments begin and
end.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

KeyPath = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
# A multi-line string may end in up to two quotes of its own before the closing three.
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r"""|"(?:\\.|[^"\\])*"|'[^']*'""",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every table, key and list element of a valid TOML text.

    A path names tables and keys by name and elements by position, as in the parsed
    data: `("dataset", 1, "columns", "batch")`. A table that is opened in several
    places stands where it is first named.
    """
    reader = _Reader(text)
    reader.document()
    return reader.lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """The line of a path, or of the nearest table around it when it is not written."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Reader:
    """A cursor over TOML text that notes the line of each path it passes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[KeyPath, int] = {}
        self._sizes: dict[KeyPath, int] = {}
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def document(self) -> None:
        """Note every path from the first line to the last."""
        prefix: KeyPath = ()
        while self._skip(_BLANK) < len(self.text):
            if self._take("[["):
                prefix = self._element(self._header())
                self._take("]]")
            elif self._take("["):
                prefix = self._header()
                self._take("]")
            else:
                self._pair(prefix)

    def _header(self) -> KeyPath:
        path: KeyPath = ()
        for part in self._dotted():
            path = (*path, part)
            self._note(path)
            path = self._current(path)
        return path

    def _element(self, path: KeyPath) -> KeyPath:
        """The path of the next element of the list of tables named by a `[[…]]`."""
        # _header has gone into the list's last element already: step back out.
        if path and isinstance(path[-1], int):
            path = path[:-1]
        index = self._sizes.get(path, 0)
        self._sizes[path] = index + 1
        element = (*path, index)
        self._note(element)
        return element

    def _current(self, path: KeyPath) -> KeyPath:
        size = self._sizes.get(path)
        return path if size is None else (*path, size - 1)

    def _pair(self, prefix: KeyPath) -> None:
        path = prefix
        for part in self._dotted():
            path = (*path, part)
            self._note(path)
        self._skip(_SPACE)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._take("{"):
            while not self._closed("}"):
                self._pair(path)
        elif self._take("["):
            index = 0
            while not self._closed("]"):
                self._note((*path, index))
                self._value((*path, index))
                index += 1
        else:
            self._skip(_STRING if self.text[self.position] in "\"'" else _SCALAR)

    def _closed(self, bracket: str) -> bool:
        self._skip(_BLANK)
        self._take(",")
        self._skip(_BLANK)
        return self._take(bracket)

    def _dotted(self) -> list[str]:
        parts = [self._key()]
        while self._skip(_SPACE) < len(self.text) and self._take("."):
            self._skip(_SPACE)
            parts.append(self._key())
        return parts

    def _key(self) -> str:
        self._skip(_SPACE)
        start = self.position
        token = self.text[start : self._skip(_KEY)]
        if token[:1] in "\"'":
            return next(iter(tomllib.loads(f"{token} = 0")))
        return token

    def _note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, bisect_right(self._starts, self.position))

    def _skip(self, pattern: re.Pattern[str]) -> int:
        if match := pattern.match(self.text, self.position):
            self.position = match.end()
        return self.position

    def _take(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.position)
        self.position += len(mark) if found else 0
        return found
