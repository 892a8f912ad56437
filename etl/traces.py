"""What a network folder still holds of withdrawn batches beside its archive.

Whatever is made of the archive is made again; what is left of the times before is
removed here. A backup, and what people wrote in the journal, are not ours to change.
"""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from etl.publish import snapshots_in
from etl.reception import put
from etl.withdrawal import scrubbed

# Earlier days made again, reads that broke off, and copies from a bucket.
_FOLDERS: Final = ("as-of", "spool", "checked", "archive/fetched")


def clear(data: Path, snapshot: Path, marks: Collection[str]) -> None:
    """Remove what was made before this snapshot, and clean receipts of the pseudonyms.

    A pull begins anew where it broke off; `pocnet build --as-of` makes an earlier day
    again as far as it can be.
    """
    for path in snapshots_in(data / "snapshots"):
        if path != snapshot:
            path.unlink()
    for name in _FOLDERS:
        shutil.rmtree(data / name, ignore_errors=True)
    for receipt in sorted((data / "receipts").glob("*/*.json")):
        said = receipt.read_text()
        if (clean := scrubbed(said, marks)) != said:
            put(receipt, clean.encode())
