"""What a build on Spark lacks, said in one line; nothing is touched then."""

import pickle
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors import ConfigError, PocnetError
from dashboard.commands.build import command
from etl.bundle import Archive
from etl.network import Mail, Network, load_network
from etl.settings_network import Signals
from etl.spark import session, worker
from etl.spark.landing import Landing, Run, public
from tests.etl.drops import ENVIRON

SPARK = ("--engine", "spark")
MASTER = ("--master", "spark://127.0.0.1:7077")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (MASTER, "go with --engine spark"),
        (("--conf", "spark.executor.memory=4g"), "go with --engine spark"),
        (SPARK, "needs --master, such as spark://host:7077"),
        ((*SPARK, *MASTER, "--as-of", "2"), "leave --as-of to this machine"),
        ((*SPARK, *MASTER, "--conf", "spark.x"), "is not KEY=VALUE"),
        ((*SPARK, *MASTER, "--conf", "memory=4g"), "is not KEY=VALUE"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_looked_for(
    words: tuple[str, ...], said: str
) -> None:
    done = CliRunner().invoke(command, [*words])
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("master", ["yarn", "k8s://x", "spark://hub", "local[two]"])
def test_another_kind_of_master_is_refused_with_those_there_are(master: str) -> None:
    with pytest.raises(ConfigError, match=r"spark://host:7077, or local\[2\]"):
        session.Cluster(master)


def test_without_pyspark_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    words = [str(folder), *SPARK, *MASTER]
    with pytest.raises(PocnetError, match=r'pip install "pocnet\[spark\]"'):
        CliRunner().invoke(command, words, catch_exceptions=False)


def test_without_java_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(PocnetError, match="default-jre-headless"):
        session.assert_java()
    java = tmp_path / "home" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    session.assert_java()


def test_a_master_that_is_not_there_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    cluster = session.Cluster(f"spark://127.0.0.1:{port}")
    refused = pytest.raises(PocnetError, match=f"127.0.0.1:{port} does not answer")
    with refused, session.session(cluster):
        raise AssertionError("there is no session")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Traceback ...\nconnectors._errors.PocnetError: The worker on a lacks b.\n",
            "The worker on a lacks b.",
        ),
        (
            "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.12 "
            "than that in driver: 3.11, PySpark cannot run",
            "The workers have Python 3.12 and this machine has 3.11",
        ),
        ("ModuleNotFoundError: No module named 'etl'", "The workers have no pocnet"),
        ("ModuleNotFoundError: No module named 'polars'", "The workers lack polars"),
        (
            'java.io.IOException: Cannot run program "/opt/x/python": error=2',
            "no Python at /opt/x/python",
        ),
        ("\n  Job aborted\n at x", "Spark gave up: Job aborted."),
    ],
)
def test_what_a_worker_lacks_is_told_in_words(text: str, said: str) -> None:
    assert said in session.explained(text)


def test_a_worker_with_other_code_or_without_the_archive_does_nothing(
    tmp_path: Path,
) -> None:
    worker.assert_alike(worker.code())
    with pytest.raises(PocnetError, match="another version of pocnet"):
        worker.assert_alike("0123456789abcdef")
    with pytest.raises(PocnetError, match="cannot read the archive"):
        worker.assert_reads(tmp_path / "not mounted here")


def test_no_key_and_no_account_travels_to_the_workers(folder: Path) -> None:
    """Everything a task is told, byte by byte: what is secret is not in it."""
    whole = load_network(folder, ENVIRON)
    mail = Mail(Signals.model_construct(), ("account", "the password of the mail"))
    network = replace(whole, mail=mail)
    secrets = [*ENVIRON.values(), "the password of the mail"]
    assert all(each.encode() in pickle.dumps(network) for each in secrets)
    told = pickle.dumps(landing(public(network)))
    assert not any(each.encode() in told for each in secrets)
    assert public(network).sites.keys() == network.sites.keys()


def landing(network: Network) -> Landing:
    runs: tuple[Run, ...] = ()
    return Landing(Archive(network.folder / "archive"), network, runs, [], "")
