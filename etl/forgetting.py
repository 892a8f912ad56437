"""Bundles written anew without what their sites have withdrawn.

The one exception to an archive in which nothing is ever changed, in an order in which
it may be killed anywhere: every bundle that names a withdrawn batch is written anew
beside the old one, then it is recorded which replaces which, and only then the old
ones go, objects first. Doing it again gives the same bytes under the same names.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from etl.bundle import OBJECT_NAME, Archive, Manifest, manifest_name, object_name
from etl.run_record import recorded
from etl.withdrawal import (
    Anew,
    Register,
    Replaced,
    named,
    named_in,
    note,
    register_of,
    without,
)

Progress = Callable[[int, int], None]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Held:
    """How many rows of one sender and dataset a withdrawal takes, of how many bundles.

    A row that came in every full reading counts in each.
    """

    site: str
    dataset: str
    bundles: int
    rows: int


def survey(
    archive: Archive,
    marks: Collection[str],
    progress: Progress = lambda done, total: None,
) -> tuple[Held, ...]:
    """What would go if these were withdrawn; nothing is changed."""
    found: dict[Pair, list[int]] = {}
    for manifest, gone in _affected(archive, marks, progress):
        rows = without(archive.load(manifest), gone).manifest.withdrawn
        rows -= manifest.withdrawn
        found.setdefault((manifest.site, manifest.dataset), []).append(rows)
    return tuple(
        Held(*key, len(rows), sum(rows)) for key, rows in sorted(found.items())
    )


def forget(
    archive: Archive, progress: Progress = lambda done, total: None
) -> tuple[Anew, ...]:
    """Carry out every withdrawal that was not, whoever noted it; gives what was done.

    What a killed run left half-done is finished first.
    """
    register = register_of(archive)
    _remove(archive, register)
    if not register.pending:
        return ()
    anew = tuple(
        _anew(archive, manifest, gone)
        for manifest, gone in _affected(archive, register.marks, progress)
    )
    _sweep(archive, register.marks)
    names = tuple(event.name for event in register.pending)
    note(archive, Replaced(at=datetime.now(UTC), withdrawals=names, bundles=anew))
    _remove(archive, register_of(archive))
    return anew


def screen(archive: Archive, pairs: Sequence[Pair]) -> list[Pair]:
    """These bundles as they may be taken in, some of them under another name.

    What the site half and the reception let in is clean already; this is for bundles
    that came just as something was withdrawn, or back from an old backup.
    """
    register = register_of(archive)
    anew: list[Anew] = []
    for site, name in pairs if register.marks else ():
        manifest = archive.manifest(site, name)
        if gone := named(archive.load(manifest), register.marks):
            anew.append(_anew(archive, manifest, gone))
    if anew:
        done = Replaced(at=datetime.now(UTC), withdrawals=(), bundles=tuple(anew))
        note(archive, done)
        register = register_of(archive)
        _remove(archive, register)
    return [(site, register.now(name)[0]) for site, name in pairs]


def _affected(
    archive: Archive, marks: Collection[str], progress: Progress
) -> Iterator[tuple[Manifest, list[str]]]:
    """Every bundle that names what is withdrawn, whoever sent it, and what it names."""
    pairs = [*archive.names()]
    for done, (site, name) in enumerate(pairs, 1):
        manifest = archive.manifest(site, name)
        if gone := named(archive.load(manifest), marks):
            yield manifest, gone
        progress(done, len(pairs))


def _anew(archive: Archive, manifest: Manifest, gone: list[str]) -> Anew:
    made = archive.put(without(archive.load(manifest), gone))
    return Anew(
        site=manifest.site,
        dataset=manifest.dataset,
        old=manifest.name,
        new=made.name,
        rows=made.withdrawn - manifest.withdrawn,
    )


def _remove(archive: Archive, register: Register) -> None:
    """Remove the bundles that were replaced, if any is there still.

    As long as a manifest is there, the next run knows which objects go with it.
    """
    old = [pair for pair in archive.names() if pair[1] in register.replaced]
    if not old:
        return
    kept = _claimed(archive, but={name for _, name in old})
    for site, name in old:
        for held in {*archive.manifest(site, name).objects} - kept:
            archive.shelf.remove(object_name(held))
        archive.shelf.remove(manifest_name(site, name))


def _sweep(archive: Archive, marks: Collection[str]) -> None:
    """Remove objects that no manifest names, if they name what is withdrawn."""
    kept = _claimed(archive, but=())
    for place in archive.shelf.names("objects"):
        found = OBJECT_NAME.fullmatch(place)
        if found and found[1] not in kept and named_in(archive.table(found[1]), marks):
            archive.shelf.remove(place)


def _claimed(archive: Archive, but: Collection[str]) -> set[str]:
    """The objects that manifests and records name, but for these manifests'."""
    kept = {held for _, record in recorded(archive) for held in record.hub.values()}
    for site, name in archive.names():
        if name not in but:
            kept |= {*archive.manifest(site, name).objects}
    return kept
