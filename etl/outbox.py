"""The outbox: what a site has read and its network has not answered yet.

A bundle is here before anything is sent and stays until the hub's receipt is here too,
so that an agent may be killed at any moment. The manifest of the last one stays on: it
says from where the site's systems are asked the next time.
"""

from pathlib import Path

from etl.bundle import Archive, Manifest
from etl.collect import Mark
from etl.receipt import Receipt
from etl.reception import put


class Outbox:
    """Bundles and receipts of one site, in a folder that only its agent writes to."""

    def __init__(self, folder: Path) -> None:
        self.archive = Archive(folder / "bundles")
        self._receipts = folder / "receipts"

    def manifests(self) -> list[Manifest]:
        """Every bundle that is known here, answered or not, oldest first."""
        made = [self.archive.manifest(*place) for place in self.archive.names()]
        return sorted(made, key=lambda manifest: manifest.rank)

    def waiting(self) -> list[Manifest]:
        """The bundles that the hub has not answered, oldest first."""
        return [each for each in self.manifests() if self.receipt(each) is None]

    def receipt(self, manifest: Manifest) -> Receipt | None:
        """What the hub answered to a bundle, None if it has not."""
        try:
            raw = self._place(manifest).read_bytes()
        except FileNotFoundError:
            return None
        return Receipt.model_validate_json(raw)

    def settle(self, manifest: Manifest, receipt: Receipt) -> None:
        """Keep what the hub answered, and no longer the rows that it has."""
        put(self._place(manifest), receipt.to_bytes())
        needed = {name for each in self.waiting() for name in each.objects}
        for name in set(manifest.objects) - needed:
            self.archive.object_path(name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what was answered and says nothing any more of where to go on from.

        Kept of each dataset: the newest bundle, the newest full reading that was not
        refused, and the refusals since.
        """
        for manifests in self._by_dataset():
            refused = [m for m in manifests if self._refused(m)]
            whole = [m for m in manifests if _is_whole(m) and m not in refused]
            kept = [manifests[-1], *whole[-1:]]
            kept += [m for m in refused if not whole or m.rank > whole[-1].rank]
            for each in manifests:
                if each not in kept and self.receipt(each):
                    place = self.archive.manifest_path(each.site, each.name)
                    # In this order: without its answer a bundle would count as waiting.
                    place.unlink()
                    self._place(each).unlink()

    def _by_dataset(self) -> list[list[Manifest]]:
        found: dict[str, list[Manifest]] = {}
        for manifest in self.manifests():
            found.setdefault(manifest.dataset, []).append(manifest)
        return [*found.values()]

    def _refused(self, manifest: Manifest) -> bool:
        receipt = self.receipt(manifest)
        return receipt is not None and not receipt.accepted

    def marks(self) -> dict[str, Mark]:
        """Where the last reading of each dataset ended.

        None for a dataset of which the hub refused something that no full reading has
        repeated since: going on from there would leave a gap for ever.
        """
        marks: dict[str, Mark] = {}
        for manifest in self.manifests():
            if self._refused(manifest):
                marks.pop(manifest.dataset, None)
            elif _is_whole(manifest) or manifest.dataset in marks:
                marks[manifest.dataset] = _mark(manifest)
        return marks

    def _place(self, manifest: Manifest) -> Path:
        return self._receipts / f"{manifest.name}.json"


def _is_whole(manifest: Manifest) -> bool:
    return all(part.since is None for part in manifest.parts)


def _mark(manifest: Manifest) -> Mark:
    parts = manifest.parts
    return Mark(
        manifest.mapping,
        tuple(part.watermark for part in parts),
        tuple(part.compared for part in parts),
    )
