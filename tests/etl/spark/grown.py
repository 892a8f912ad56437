"""The made-up network with many times its batches: an archive to build from.

Every bundle is written again with each of its batches and orders so many times, under
other pseudonyms. All that batches are judged and counted by, codes, units, limits,
repeats, what is late or lacking, stays as the generator drew it.
"""

import shutil
from pathlib import Path

import polars as pl

from etl.bundle import Archive, Bundle, Manifest

# Whose numbers these are: what stands under another number is another thing.
_NUMBERS = ("batch", "order_key", "deviation")


def grown(source: Path, folder: Path, times: int) -> Path:
    """A network folder with the settings of `source`, and only an archive."""
    keep = ("network.toml", "sites", "demo.json", "secrets")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in keep:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, folder / name)
        elif path.exists():
            shutil.copy(path, folder / name)
    old, new = (Archive(place / "data" / "archive") for place in (source, folder))
    for site, name in old.names():
        new.put(_grown(old.load(old.manifest(site, name)), times))
    new.sweep()
    return folder


def _grown(bundle: Bundle, times: int) -> Bundle:
    rows, rejects = bundle.rows.collect(), bundle.rejects.collect()
    numbers = [name for name in _NUMBERS if name in rows.columns]
    # What was stopped on the way is counted in the manifest beside the rows.
    if not numbers or not rejects.is_empty() or len(bundle.manifest.parts) > 1:
        return bundle
    copies = [rows.with_columns(_renumbered(numbers, n)) for n in range(times)]
    many = pl.concat(copies).with_columns(_row=pl.int_range(pl.len(), dtype=pl.Int64))
    return Bundle(_counted(bundle.manifest, times), many.lazy(), rejects.lazy())


def _renumbered(numbers: list[str], copy: int) -> list[pl.Expr]:
    if copy == 0:
        return []
    return [pl.col(name) + f"-{copy}" for name in (*numbers, "_ref")]


def _counted(manifest: Manifest, times: int) -> Manifest:
    (part,) = manifest.parts
    counts = {"records": part.records * times, "read": part.read * times}
    update = {**counts, "parts": (part.model_copy(update=counts),)}
    return manifest.model_copy(update=update)


def results(folder: Path) -> int:
    """How many results lie in a folder's archive."""
    archive = Archive(folder / "data" / "archive")
    manifests = (archive.manifest(*pair) for pair in archive.names())
    return sum(each.read for each in manifests if each.dataset == "result")
