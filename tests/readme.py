"""What the README shows: its chapters, and the files and commands inside them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.serving import ROOT

README = ROOT / "README.md"
_FENCE = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A piece of code, and the file it is said to be where it is one."""

    path: str | None
    language: str
    text: str


def chapter(heading: str) -> str:
    """What stands under `## heading`."""
    _, _, rest = README.read_text().partition(f"\n## {heading}\n")
    assert rest, f"README.md has no chapter {heading!r}"
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(heading: str) -> Iterator[Block]:
    """The pieces of code of a chapter, in order."""
    for found in _FENCE.finditer(chapter(heading)):
        yield Block(found["path"], found["language"], found["text"])
