"""`pocnet build` on a cluster: the archive in, the next snapshot out.

This machine keeps the order of things and what is small: the runs, what was due, the
criteria. Rows of batches pass through it once, a partition at a time, on their way into
the warehouse and the snapshot, which are two files on its disk.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from connectors import PocnetError
from etl.archive_place import archive_of
from etl.build import build as build_here
from etl.bundle import Archive, Manifest
from etl.catch_up import LOST, catch_up
from etl.forgetting import screen
from etl.ledger import Failure
from etl.network import Network
from etl.publish import latest, made_anew, replacing
from etl.published import with_library
from etl.rebuild import Rebuilt, renewing
from etl.run import data_folder, edition
from etl.run_record import note_runs
from etl.spark.landing import ODD, Landing, Run, public, shares
from etl.spark.session import Cluster, assert_installed, explaining, session
from etl.spark.snapshot import Target
from etl.spark.tables import fill_marts
from etl.spark.views import PARCELS, Views, fetched
from etl.spark.views import kept as held
from etl.spark.worker import code
from etl.store import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# At a time, where Spark cannot tell yet how many cores will come.
_TASKS: Final = 2
Progress = Callable[[str], None]


def build(
    network: Network,
    cluster: Cluster,
    progress: Progress = lambda step: None,
    *,
    kept: bool = False,
) -> Rebuilt:
    """A new warehouse, and the snapshot of a new run, as `rebuild` has them here.

    `kept` says that some sites' files could not be read: see `etl.build.build`.
    PocnetError for whatever the cluster lacks; everything is as it was then.
    """
    assert_installed()
    data, archive = data_folder(network.folder), archive_of(network)
    _assert_folder(network)
    with (
        explaining(),
        session(cluster) as spark,
        renewing(data, archive) as warehouse,
    ):
        this = _Build(network, archive, warehouse, spark, progress)
        return this.through(kept=kept)


def _assert_folder(network: Network) -> None:
    if network.archive is not None and network.archive.bucket is not None:
        raise PocnetError(
            "A build on Spark reads an archive in a folder that every worker sees, "
            "and this one is in a bucket, whose keys would have to travel to the "
            "workers. Build it on this machine, without --engine."
        )


@dataclass(frozen=True)
class _Build:
    """One build; `runs` and `bundles` are what is to be brought in, run by run."""

    network: Network
    archive: Archive
    warehouse: Warehouse
    spark: "SparkSession"
    progress: Progress
    runs: list[Run] = field(default_factory=list)
    bundles: list[tuple[int, Manifest]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def through(self, *, kept: bool) -> Rebuilt:
        """Everything, in order."""
        snapshots = data_folder(self.network.folder) / "snapshots"
        warehouse, whole = self.warehouse, with_library(self.network)
        self.progress("bringing the bundles in")
        lost = catch_up(warehouse, self.archive, whole, bringing=self._note)
        self.failures.extend(each for each in lost if each.source == LOST)
        with warehouse.run(datetime.now(UTC), after=latest(snapshots)) as run:
            known = {manifest.name for _, manifest in self.bundles}
            new = [pair for pair in self.archive.names() if pair[1] not in known]
            new = screen(self.archive, new)
            self._note(warehouse, self.archive, self.network, run, new)
            landed = held(self._landed())
            self._take_over(landed)
            odd = build_here(warehouse, self.archive, whole, run, kept=kept)
            self.failures.extend(odd)
            warehouse.finish(run, self.failures)
        note_runs(warehouse, self.archive)
        return self._published(landed, run)

    def _note(
        self,
        warehouse: Warehouse,
        archive: Archive,
        network: Network,
        run: int,
        new: list[tuple[str, str]],
    ) -> None:
        """Remember what a run is to bring in, for the cluster to do."""
        asked = "select started_at from run where run = $run"
        began = warehouse.query(asked, {"run": run}).item()
        self.runs.append(Run(run, began, network.today()))
        known = {manifest.name for _, manifest in self.bundles}
        for pair in new:
            if pair[1] not in known:
                self.bundles.append((run, archive.manifest(*pair)))

    def _published(self, landed: "DataFrame", run: int) -> Rebuilt:
        snapshots = data_folder(self.network.folder) / "snapshots"
        said, engine = edition(self.network), f"spark {self.spark.version}"
        self.progress("copying what stands")
        with (
            replacing(snapshots, run) as path,
            made_anew(self.warehouse, said, run, path, engine) as new,
        ):
            self.progress("making the marts")
            views = Views(self.spark, self._tasks())
            fill_marts(views, Target(new, said.as_of), landed)
        return Rebuilt(run, snapshots / f"{run}.duckdb", tuple(self.failures))

    def _landed(self) -> "DataFrame":
        """The parcels of all bundles, made on the cluster when they are wanted."""
        dealt = shares(self.bundles, self._tasks())
        whole = public(with_library(self.network))
        landing = Landing(self.archive, whole, tuple(self.runs), dealt, code())
        numbers = self.spark.range(0, len(dealt), 1, max(1, len(dealt)))
        return numbers.mapInArrow(landing, PARCELS)

    def _take_over(self, landed: "DataFrame") -> None:
        for table, frame in fetched(landed):
            if table == ODD:
                self.failures.extend(Failure(*row) for row in frame.iter_rows())
            else:
                self.warehouse.take_over(table, frame)

    def _tasks(self) -> int:
        return max(_TASKS, int(self.spark.sparkContext.defaultParallelism))
