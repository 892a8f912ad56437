"""One TOML file of a network folder, with the line of everything in it."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors import ConfigError
from etl.settings_mistakes import Mistake
from etl.toml_lines import KeyPath, key_lines, line_of


@dataclass(frozen=True)
class Problem:
    """One mistake, where a person finds it; `file` is relative to the folder.

    `key` counts the tables of a list from 1, as a reader does: `dataset[2].columns`.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class NetworkError(ConfigError):
    """All the mistakes of a network folder; as text, one line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.message, first.file, first.line, first.key or None)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True)
class Document:
    """A parsed file; `problem` says why when it could not be read."""

    file: str
    data: Mapping[str, object]
    lines: Mapping[KeyPath, int]
    problem: Problem | None = None

    def locate(self, mistake: Mistake) -> Problem:
        """The mistake with the line it stands on."""
        line = line_of(self.lines, mistake.path)
        return Problem(self.file, line, _spoken(mistake.path), mistake.message)


def read_document(folder: Path, file: str) -> Document:
    """A file of the folder, parsed; what it says is not judged here.

    A byte-order mark is passed over: some editors of Windows write one.
    """
    try:
        text = (folder / file).read_bytes().decode("utf-8-sig")
        data = tomllib.loads(text)
    except FileNotFoundError:
        hint = "There is no such file. `pocnet init DIR` writes a folder to begin with."
        return _unread(file, 1, hint)
    except OSError as error:
        return _unread(file, 1, f"The file cannot be read: {error.strerror}.")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _unread(file, line, "The file is not in UTF-8. Save it as UTF-8.")
    except tomllib.TOMLDecodeError as error:
        return _unread(file, *_syntax(text, str(error)))
    return Document(file, data, key_lines(text))


def _unread(file: str, line: int, message: str) -> Document:
    return Document(file, {}, {}, Problem(file, line, "", message))


def _syntax(text: str, said: str) -> tuple[int, str]:
    reason, _, place = said.partition(" (at ")
    found = re.match(r"line (\d+)", place)
    line = int(found[1]) if found else text.rstrip().count("\n") + 1
    return line, f"The file is not valid TOML: {reason[:1].lower()}{reason[1:]}."


def _spoken(path: KeyPath) -> str:
    words = ""
    for part in path:
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return words.removeprefix(".")
