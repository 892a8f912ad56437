"""The outbox: what a site has read and its network has not answered yet.

A bundle is here before anything is sent and stays until the hub's receipt is here too,
so that an agent may be killed at any moment. Its manifest stays for good: it says from
where the site's systems are asked the next time.
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
        """Every bundle that was ever made here, oldest first."""
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

    def marks(self) -> dict[str, Mark]:
        """Where the last reading of each dataset ended.

        None for a dataset of which the hub refused something that no full reading has
        repeated since: going on from there would leave a gap for ever.
        """
        marks: dict[str, Mark] = {}
        for manifest in self.manifests():
            receipt = self.receipt(manifest)
            whole = all(part.since is None for part in manifest.parts)
            if receipt and not receipt.accepted:
                marks.pop(manifest.dataset, None)
            elif whole or manifest.dataset in marks:
                marks[manifest.dataset] = _mark(manifest)
        return marks

    def _place(self, manifest: Manifest) -> Path:
        return self._receipts / f"{manifest.name}.json"


def _mark(manifest: Manifest) -> Mark:
    parts = manifest.parts
    return Mark(
        manifest.mapping,
        tuple(part.watermark for part in parts),
        tuple(part.compared for part in parts),
    )
