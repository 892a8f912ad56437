"""`pocnet verify`: a figure made again from its link, and compared with what was shown.

The run's own snapshot is asked while it is kept; otherwise it is made again from the
archive. The card is the one that drew the figure, asked as the same viewer, so its rows
pass the one point of disclosure, under the rules of today.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click

from connectors import ConfigError, PocnetError
from dashboard import card, permalink, queries, service
from dashboard.filters import parse
from dashboard.journal import Journal
from dashboard.permalink import Asked, Permalink
from dashboard.viewer import Request, Viewer, asking
from etl import rebuild
from etl.contract.version import CONTRACT
from etl.network import NETWORK_FILE
from etl.publish import contract_of
from etl.run import data_folder
from etl.sound import load_known

FAILED: Final = 1
_ELSEWHERE: Final = (
    "it was sealed with another key: another network's dashboard made it, or "
    "data/links.key was lost since"
)


@dataclass(frozen=True)
class Verified:
    """Whether a figure is what its link says, and if not, where it differs and why."""

    figure: str
    run: int
    viewer: str
    rows: int
    rebuilt: bool
    differs: tuple[str, ...] = ()
    because: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every part is what was shown."""
        return not self.differs


def verify(text: str, folder: Path) -> Verified:
    """What comes of the figure of a link, made again from a network's folder.

    ConfigError for what is no link to a figure of this network; PocnetError for a run
    that cannot be shown again.
    """
    link = permalink.parse(text)
    if not (folder / NETWORK_FILE).is_file():
        raise ConfigError(f"{folder} has no {NETWORK_FILE}. Name the network's folder.")
    if not card.every():
        service.application(folder)
    found = card.every().get(link.card)
    if found is None:
        raise ConfigError(
            f"There is no figure “{link.card}” in this version of pocnet."
        )
    with _snapshots(folder, link.run) as place:
        try:
            return _compared(link, found, folder, place)
        except queries.NoSnapshotError:
            raise PocnetError(
                f"{folder} shows nothing, so no rule says what may be shown. Run "
                "`pocnet build` first."
            ) from None


@contextmanager
def _snapshots(folder: Path, run: int) -> Iterator[tuple[Path, bool]]:
    """A folder whose current snapshot is the run's, and whether it was rebuilt."""
    kept = data_folder(folder).resolve() / "snapshots" / f"{run}.duckdb"
    if contract_of(kept) != CONTRACT:
        yield rebuild.as_of(load_known(folder).network, run).snapshot.parent, True
        return
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "current").symlink_to(kept)
        yield Path(place), False


def _compared(
    link: Permalink, found: card.Card, folder: Path, place: tuple[Path, bool]
) -> Verified:
    snapshots, rebuilt = place
    viewer = Viewer.parse(link.viewer)
    about = queries.about(snapshots, viewer)
    if (viewer.site or viewer.region) and viewer not in about.viewers:
        raise PocnetError(f"Run {link.run} knows no viewer “{link.viewer}”.")
    data = data_folder(folder).resolve()
    journal = Journal(data / "journal.sqlite")
    filters, _ = parse(link.query, about.choices)
    with (
        asking(Request(viewer, snapshots, journal, about)),
        queries.under_todays_rules(data / "snapshots") as snapshot,
    ):
        frame = found.frame(viewer, filters)
        sentence = found.sentence(frame)
        counted = permalink.counted_by(snapshot, journal.path)
    asked = Asked(link.card, filters.to_query(), str(link.run), viewer)
    seals = permalink.sealed(asked, sentence, frame, permalink.key(journal.path))
    differs = _differing(link.seals, seals)
    because = tuple(_causes(link, counted)) if differs else ()
    return Verified(
        found.title, link.run, link.viewer, frame.height, rebuilt, differs, because
    )


def _differing(shown: tuple[str, ...], again: Mapping[str, str]) -> tuple[str, ...]:
    if len(shown) != len(again):
        return ("the columns",)
    pairs = zip(shown, again.items(), strict=True)
    return tuple(name for seal, (name, made) in pairs if seal != made)


def _causes(link: Permalink, counted: permalink.Counted) -> Iterator[str]:
    then = link.counted
    if then.key != counted.key:
        yield _ELSEWHERE
    if then.marts != counted.marts:
        yield "another version of pocnet counts otherwise than the one that showed it"
    if then.rules != counted.rules:
        yield "the network's rules of disclosure or reporting have changed since"


def say(verified: Verified, as_json: bool) -> int:
    """Print what came of it, and give the exit code."""
    if as_json:
        said = {"equal": verified.equal, **asdict(verified)}
        click.echo(json.dumps(said, indent=1))
        return 0 if verified.equal else FAILED
    how = "made again from the archive" if verified.rebuilt else "still kept"
    what = f"“{verified.figure}”, run {verified.run} ({how}), as {verified.viewer}"
    if verified.equal:
        click.echo(f"Equal: {what}, {verified.rows:,} rows.")
        return 0
    click.echo(f"Different: {what}. Not as shown: {', '.join(verified.differs)}.")
    for cause in verified.because or (_UNKNOWN,):
        click.echo(f"Why: {cause}.")
    return FAILED


_UNKNOWN: Final = (
    "counted and ruled as it was then, so the link was changed, a bundle withdrawn, or "
    "somebody wrote in the journal what the figure draws"
)
