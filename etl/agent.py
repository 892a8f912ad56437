"""The agent: one site asks itself, behind its firewall, and sends what may leave.

It is the same half of the pipeline that a hub runs for a site that lets it in. Reading
and sending are two steps with a folder between them: what was read and not yet
answered waits there, so a network that is down costs time and no rows.
"""

import fcntl
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors import PocnetError
from etl.aggregate import Aggregation
from etl.bundle import Manifest
from etl.collect import Collection, Step, Window
from etl.contract.version import CONTRACT
from etl.ledger import Failure
from etl.network import SITES_FOLDER
from etl.outbox import Outbox
from etl.package import pack
from etl.receipt import Receipt
from etl.rotation import SENT_LIST, Sent, remembering
from etl.signature import Claim, sign
from etl.site_folder import SiteFolder
from etl.spool import sweep
from etl.transfer import UndeliveredError, Way, open_way

WHAT_IS_NEW: Final = Window()
EVERYTHING: Final = Window(full=True)


@dataclass(frozen=True)
class Sending:
    """What an agent's run came to.

    `receipts` are the answers that the hub gave now, `waiting` the bundles that it has
    not answered, `failures` what kept a source from being read or a bundle from going,
    `notes` what the site should know of the counts that it sent.
    """

    site: str
    receipts: tuple[Receipt, ...]
    waiting: tuple[Manifest, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()


def send(
    folder: SiteFolder,
    window: Window = WHAT_IS_NEW,
    progress: Callable[[Step], None] = lambda step: None,
) -> Sending:
    """Read what is new at the site, then send all that the hub has not answered.

    A source that does not answer keeps nothing else from being sent. PocnetError while
    another agent of the same site runs.
    """
    sign(_claim(folder, "-"), str(folder.agent.signing_key))
    with _alone(folder.data):
        outbox = Outbox(folder.data)
        failures, notes = _collect(folder, outbox, window, progress)
        receipts: list[Receipt] = []
        try:
            for receipt in _delivered(folder, outbox):
                receipts.append(receipt)
        except UndeliveredError as error:
            failures.append(Failure(folder.site.slug, "agent", str(error)))
        waiting = tuple(outbox.waiting())
    answered = tuple(receipts)
    return Sending(folder.site.slug, answered, waiting, tuple(failures), notes)


def _collect(
    folder: SiteFolder,
    outbox: Outbox,
    window: Window,
    progress: Callable[[Step], None],
) -> tuple[list[Failure], tuple[str, ...]]:
    """Put what the site's systems say into the outbox: batches, or counts of them.

    Counts are made of all there is, so everything is read for them each time.
    """
    outbox.archive.sweep()
    outbox.forget()
    spool = folder.data / "spool"
    sweep(spool)
    _assert_later(outbox)
    sent = Sent(folder.data / SENT_LIST)
    site = remembering(folder.site, sent.pseudonyms)
    counting = folder.agent.rules.share == "aggregates"
    window = EVERYTHING if counting else window
    collection = Collection(site, outbox.marks(), window, spool=spool)
    bundles = collection.bundles(progress, threading.Event())
    aggregation = Aggregation(folder.network, folder.site)
    for bundle in aggregation.counted(bundles) if counting else bundles:
        sent.note(bundle)
        outbox.archive.put(bundle)
    return list(dict.fromkeys(collection.failures)), tuple(aggregation.notes)


def _delivered(folder: SiteFolder, outbox: Outbox) -> Iterator[Receipt]:
    """Send each waiting bundle, oldest first, and keep what is answered."""
    waiting = outbox.waiting()
    if not waiting:
        return
    here = folder.network.folder / SITES_FOLDER
    with open_way(folder.agent, here) as way, _packages(folder.data) as packages:
        for manifest in waiting:
            receipt = _deliver(folder, outbox, manifest, way, packages)
            if receipt is not None:
                yield receipt


def _deliver(
    folder: SiteFolder, outbox: Outbox, manifest: Manifest, way: Way, packages: Path
) -> Receipt | None:
    claim = _claim(folder, manifest.name)
    signed = sign(claim, str(folder.agent.signing_key))
    package = pack(outbox.archive, manifest, signed, packages)
    receipt = way.deliver(package)
    if receipt is not None:
        if receipt.bundle != manifest.name:
            raise UndeliveredError(
                f"The hub answered with the receipt of another bundle of "
                f"{receipt.site}. The package stays in the outbox."
            )
        outbox.settle(manifest, receipt)
        way.clear(package)
    package.unlink()
    return receipt


def _claim(folder: SiteFolder, manifest: str) -> Claim:
    return Claim(CONTRACT, manifest, folder.network.name, folder.site.slug)


def _assert_later(outbox: Outbox) -> None:
    """What is read now must rank after all that was read before."""
    now = datetime.now(UTC)
    newest = max((m.extracted_at for m in outbox.manifests()), default=now)
    if newest > now:
        raise PocnetError(
            f"This machine's clock says {now:%Y-%m-%d %H:%M} (UTC), but a bundle of "
            f"{newest:%Y-%m-%d %H:%M} is in the outbox, and what is read now would "
            "count as older. Set the clock right, then try again."
        )


@contextmanager
def _packages(data: Path) -> Iterator[Path]:
    """A folder for packages that are on their way, gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=data, prefix="sending-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """The only agent of this site; the lock is gone when its process is."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PocnetError(
                f"Another agent is at work in {data}. Wait until it is done."
            ) from None
        for litter in data.glob("sending-*"):
            shutil.rmtree(litter, ignore_errors=True)
        yield
