"""A real standalone cluster of Apache Spark on loopback: one master and two workers.

Started by `spark-class`, since the wheel has no `sbin`. pyspark is half a gigabyte, so
it is installed once into a folder of its own, and only where a test asks for it.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.connectors.servers.installed import free_port, once
from tests.connectors.servers.programs import Program
from tests.etl.drops import ENVIRON
from tests.serving import ROOT

COMMAND = [sys.executable, "-c", "from dashboard.cli import main; main()"]
# A small machine: less time for the compiler, less memory for everything.
_LIGHT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
CONF = {
    "spark.driver.extraJavaOptions": _LIGHT,
    "spark.executor.extraJavaOptions": _LIGHT,
    "spark.executor.memory": "1g",
    "spark.executor.cores": "1",
}


def libraries() -> Path:
    """The folder with pyspark, in the version that the extra `spark` allows."""
    if shutil.which("java") is None and not _java_installed():
        pytest.skip("needs Debian's package default-jre-headless")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        each
        for each in extras["optional-dependencies"]["spark"]
        if each.startswith("pyspark")
    ]

    def make(folder: Path) -> None:
        install = [sys.executable, "-m", "pip", "install", "-q", "--target"]
        done = subprocess.run([*install, str(folder), *wanted], capture_output=True)
        if done.returncode:
            pytest.skip("needs pyspark, which could not be installed here")

    return once("spark", make)


def _java_installed() -> bool:
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        return False
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends"]
    subprocess.run(["apt-get", "update", "-q"], env=environ, capture_output=True)
    done = subprocess.run(
        [*command, "default-jre-headless"], env=environ, capture_output=True
    )
    return done.returncode == 0


@dataclass(frozen=True)
class Running:
    """A master that answers, and its workers with the folders that they spill into."""

    master: str
    workers: tuple[Program, ...]
    spills: tuple[Path, ...]


def environment(spill: Path | None = None) -> dict[str, str]:
    """What a program needs to find Spark and this project, and keep to loopback."""
    home = libraries()
    said = {
        "PYTHONPATH": f"{home}{os.pathsep}{ROOT}",
        "SPARK_HOME": str(home / "pyspark"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": _LIGHT,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",
    }
    return said | ({"SPARK_LOCAL_DIRS": str(spill)} if spill else {})


@contextmanager
def running(folder: Path, workers: int = 2) -> Iterator[Running]:
    """The cluster, until the block is left."""
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    started = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
    with ExitStack() as stack:
        _start(stack, "master.Master", started, port, folder / "master", None)
        programs, spills = [], []
        for number in range(workers):
            place = folder / f"worker-{number}"
            own = free_port()
            words = ["--host", "127.0.0.1", "--port", str(own), "--webui-port", "0"]
            words += ["--cores", "1", "--memory", "2g"]
            words += ["--work-dir", str(place), master]
            spills.append(place / "spill")
            at = "worker.Worker"
            programs.append(_start(stack, at, words, own, place, spills[-1]))
        yield Running(master, tuple(programs), tuple(spills))


def _start(
    stack: ExitStack,
    what: str,
    words: list[str],
    port: int,
    place: Path,
    spill: Path | None,
) -> Program:
    place.mkdir(parents=True)
    spark = libraries() / "pyspark" / "bin" / "spark-class"
    command = [str(spark), f"org.apache.spark.deploy.{what}", *words]
    program = Program(command, port, place / "log", environment(spill), 6000)
    program.start()
    stack.callback(program.kill)
    return program


def build(folder: Path, *words: str, spark: bool = True) -> "subprocess.Popen[str]":
    """`pocnet build` of a folder, begun."""
    conf = [f"--conf={name}={value}" for name, value in CONF.items()] if spark else []
    return subprocess.Popen(
        [*COMMAND, "build", str(folder), *conf, *words],
        env=os.environ | ENVIRON | environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def differences(one: Path, other: Path) -> dict[str, int]:
    """Rows that only one of two snapshots has, by table; and any other type, as -1.

    Left out is what says when and by what the snapshot was built.
    """
    with duckdb.connect() as connection:
        for name, folder in (("one", one), ("other", other)):
            path = folder / "data" / "snapshots" / "current"
            connection.execute(f"attach '{path}' as {name} (read_only)")
        columns = "select table_name, column_name, data_type from duckdb_columns()"
        kinds = [
            set(connection.sql(f"{columns} where database_name = '{name}'").fetchall())
            for name in ("one", "other")
        ]
        found = {str(row): -1 for row in kinds[0] ^ kinds[1]}
        for table in sorted({str(row[0]) for row in kinds[0] & kinds[1]}):
            n = sum(
                len(connection.sql(_only(table, *pair)).fetchall())
                for pair in (("one", "other"), ("other", "one"))
            )
            if n:
                found[table] = n
    return found


def _only(table: str, here: str, there: str) -> str:
    chosen = "*"
    if table == "run":
        chosen = "run, state"
    where = "where key not in ('built_at', 'engine', 'warehouse')"
    where = where if table == "meta" else ""
    rows = [f'select {chosen} from {db}."{table}" {where}' for db in (here, there)]
    return f"({rows[0]}) except all ({rows[1]})"
