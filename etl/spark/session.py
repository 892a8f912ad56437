"""A Spark session for one build, or one line that says why there is none.

Nothing of it listens beyond what its workers must reach: no page of Spark's own, no
log of events. Waiting is bounded everywhere, since Spark by itself waits for ever for a
worker that does not come.
"""

import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from connectors import ConfigError, PocnetError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_CONNECT: Final = 5.0
_WORKERS: Final = 60.0
_PORT: Final = 7077
_MASTER: Final = re.compile(r"spark://[^/\s]+:\d+(,[^/\s]+:\d+)*|local(\[(\d+|\*)\])?")
_QUIET: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.eventLog.enabled": "false",
    "spark.log.level": "ERROR",
}
_RULES: Final = {
    "spark.sql.session.timeZone": "UTC",
    # Large cells: a parcel is one, and Spark counts what it copies in 32 bits else.
    "spark.sql.execution.arrow.useLargeVarTypes": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    # Rows reach this machine a partition at a time and go on to the disk.
    "spark.driver.maxResultSize": "0",
    # Out of memory Spark would wait for ever for the part of it that died of that.
    "spark.driver.defaultJavaOptions": "-XX:+ExitOnOutOfMemoryError",
    # One task has one core: polars and DuckDB would otherwise take all there are.
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Cluster:
    """Where the build is to run, and Spark settings that go before its own."""

    master: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _MASTER.fullmatch(self.master):
            raise ConfigError(
                f'"{self.master}" is no master that pocnet knows. Give the address '
                f"that the master prints, as spark://host:{_PORT}, or local[2] for "
                "two cores of this machine."
            )

    @property
    def host(self) -> tuple[str, int] | None:
        """Where the master listens; None where there is none."""
        if self.master.startswith("local"):
            return None
        first = urlsplit(self.master.split(",")[0])
        return str(first.hostname), first.port or _PORT


@contextmanager
def session(cluster: Cluster) -> "Iterator[SparkSession]":
    """A session on the cluster, with at least one worker at work for it.

    PocnetError where the master does not answer, is of another version, or has no
    worker free. See `assert_installed` for what must be there before.
    """
    address = _own_address(cluster)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = _started(cluster, {**_RULES, **_QUIET, **address, **cluster.settings})
    try:
        if cluster.host:
            _await_workers(spark, cluster)
        yield spark
    finally:
        _stop(spark)


def _stop(spark: "SparkSession") -> None:
    from py4j.protocol import Py4JError

    # Of a Spark that is dead there is nothing left to stop, and why it died is told.
    with suppress(OSError, Py4JError):
        spark.stop()


def assert_installed() -> None:
    """PocnetError where pyspark, what it needs, or Java is not there."""
    for library in ("pyspark", "pandas", "sqlglot"):
        if find_spec(library) is None:
            raise PocnetError(
                f"{library} is not installed, which a build on Spark needs: "
                'pip install "pocnet[spark]"'
            )
    assert_java()


def assert_java() -> None:
    """PocnetError where there is no Java, which Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and shutil.which(f"{home}/bin/java"))):
        raise PocnetError(
            "Java is not installed, which Spark needs: 17 or newer, such as Debian's "
            "package default-jre-headless. Where it lies apart, set JAVA_HOME."
        )


def _own_address(cluster: Cluster) -> dict[str, str]:
    """Listen where the workers can reach this machine: as the master is reached."""
    if cluster.host is None:
        own = "127.0.0.1"
    else:
        try:
            with socket.create_connection(cluster.host, _CONNECT) as connection:
                own = str(connection.getsockname()[0])
        except OSError as error:
            raise PocnetError(
                f"The master {cluster.master} does not answer: {error}. Is it running "
                "(spark-class org.apache.spark.deploy.master.Master), and may this "
                "machine reach its port?"
            ) from None
    return {"spark.driver.host": own, "spark.driver.bindAddress": own}


def _started(cluster: Cluster, settings: Mapping[str, str]) -> "SparkSession":
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    builder = builder.master(cluster.master).appName("pocnet build")
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        spark: SparkSession = builder.getOrCreate()
    # Whatever Spark or its bridge to Java throws: there is no common ancestor.
    except Exception as error:
        said = _first_line(str(error))
        raise PocnetError(
            f"Spark did not start on {cluster.master}: {said}. Java must be 17 or "
            f"newer, and the master of pyspark's version here, {_version()}."
        ) from None
    return spark


def _await_workers(spark: "SparkSession", cluster: Cluster) -> None:
    java: Any = spark.sparkContext._jsc.sc()
    until = time.monotonic() + _WORKERS
    # The driver is in the list as well.
    while java.getExecutorMemoryStatus().size() < 2:
        if java.isStopped() or time.monotonic() > until:
            raise PocnetError(
                f"No worker of {cluster.master} took up the work within {_WORKERS:.0f} "
                "seconds. Are workers running, with a core and "
                f"{spark.conf.get('spark.executor.memory', '1g')} of memory free, of "
                f"the same version as pyspark here ({_version()}), and may they reach "
                f"this machine at {spark.conf.get('spark.driver.host')}?"
            )
        time.sleep(0.2)


@contextmanager
def explaining() -> Iterator[None]:
    """What Spark throws, as a PocnetError in words; everything else stays as it is."""
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JNetworkError, ConnectionError) as error:
        raise PocnetError(f"{_ENDED} Nothing was published.") from error
    except (Py4JError, PySparkException) as error:
        raise PocnetError(f"{explained(str(error))} Nothing was published.") from error


def explained(text: str) -> str:
    """What went wrong on a worker, in a line: pocnet's own words if it was pocnet."""
    for pattern, said in _KNOWN.items():
        if found := re.search(pattern, text):
            return said.format(*found.groups())
    return f"Spark gave up: {_first_line(text)}."


_ENDED: Final = (
    "The part of Spark that runs on this machine ended, mostly for want of memory: "
    "what a partition holds passes through it. Give it more, as with "
    "--conf spark.driver.memory=4g."
)
_KNOWN: Final = {
    r"connectors[\w.]*\.(?:PocnetError|ConfigError): (.+)": "{0}",
    r"PYTHON_VERSION_MISMATCH.+?(\d+\.\d+).+?(\d+\.\d+)": (
        "The workers have Python {0} and this machine has {1}: install the same one, "
        "and name it in PYSPARK_PYTHON where its path differs."
    ),
    r"ModuleNotFoundError: No module named '(?:etl|connectors)": (
        'The workers have no pocnet: install "pocnet[spark]" on each, in the same '
        "version as here, and name that Python in PYSPARK_PYTHON."
    ),
    r"ModuleNotFoundError: No module named '([\w.]+)'": (
        'The workers lack {0}: install "pocnet[spark]" on each, as here.'
    ),
    r'Cannot run program "([^"]+)"': (
        "The workers have no Python at {0}: name one that has pocnet in PYSPARK_PYTHON."
    ),
}


def _first_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return next(filter(None, lines), "it did not say why")


def _version() -> str:
    return version("pyspark")
