"""The errors a pull can end in, each telling its reader what to do next.

* PocnetError
  - ConfigError: yours to mend, in a file of the network folder; nothing has run
  - SourceError: one site's system did not answer as it should; the other sites go on

A bad record is neither: it becomes a row of the reject table.
"""

from __future__ import annotations


def _one_line(text: str) -> str:
    return " ".join(text.split())


class PocnetError(Exception):
    """Anything pocnet says about the world outside its own code."""


class ConfigError(PocnetError):
    """A mistake in the network folder, with the file, line and key where it stands.

    A connector knows only the key (`source.main.url`); whoever read the file adds
    where that key was written.
    """

    def __init__(
        self,
        message: str,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        self.message = _one_line(message)
        self.file, self.line, self.key = file, line, key
        super().__init__(self.message)

    def __str__(self) -> str:
        place = self.file or ""
        if self.file and self.line is not None:
            place += f":{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class SourceError(PocnetError):
    """What one site's system did instead of answering, and what to do about it.

    Holds no password, token or data value: it is shown on pages and kept in logs.
    """

    def __init__(
        self, message: str, site: str | None = None, source: str | None = None
    ) -> None:
        self.message = _one_line(message)
        self.site, self.source = site, source
        super().__init__(self.message)

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                f"site {self.site}" if self.site else "",
                f"source {self.source}" if self.source else "",
            )
            if part
        )
        return f"{place}: {self.message}" if place else self.message


class TooMuchError(SourceError):
    """What a system could not answer at once, and perhaps can in smaller parts."""

    @classmethod
    def of(cls, error: SourceError) -> TooMuchError:
        """The same error, said to be of this sort."""
        return cls(error.message, error.site, error.source)
