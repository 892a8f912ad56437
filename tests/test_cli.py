import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.etl.drops import BATCHES, ENVIRON, drop, edit, write_network

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from dashboard.cli import main; main()"]


def environment(**more: str) -> Mapping[str, str]:
    return {**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}


def pocnet(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(**more),
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_help_imports_neither_dash_nor_polars_nor_duckdb() -> None:
    code = (
        "import sys, os\n"
        "os._exit = lambda code: print(code, sorted(\n"
        "    {'dash', 'polars', 'duckdb', 'pydantic'} & set(sys.modules)))\n"
        "sys.argv = ['pocnet', '--help']\n"
        "from dashboard.cli import main; main()"
    )
    run = [sys.executable, "-c", code]
    said = subprocess.run(run, capture_output=True, text=True, env=environment())
    assert said.stdout.splitlines()[-1] == "0 []"
    assert "Usage: pocnet" in said.stdout


@pytest.mark.parametrize(
    "command", [[], ["pull"], ["serve"], ["demo"], ["config", "check"]]
)
def test_help_documents_the_exit_codes(command: list[str]) -> None:
    said = pocnet(*command, "--help").stdout
    for code in (
        "0  all",
        "1  failed",
        "2  wrong",
        "3  some sites",
        "130  interrupted",
    ):
        assert code in said


def test_init_writes_a_folder_that_passes_the_check(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    assert pocnet("init", folder).returncode == 0
    secret = {"POCNET_KEY_EXAMPLE_SITE": "a secret of the tests"}
    checked = pocnet("config", "check", folder, **secret)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_init_leaves_what_is_there(tmp_path: Path) -> None:
    pocnet("init", tmp_path)
    again = pocnet("init", tmp_path)
    assert again.returncode == 2
    assert "already there" in again.stderr


def test_config_check_names_file_line_and_key(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n")
    edit(folder, "beta", "joined =", "joind =")
    done = pocnet("config", "check", folder)
    assert done.returncode == 2
    assert done.stdout.startswith("sites/beta.toml:8: site.joind: ")
    assert "joined" in done.stdout


@pytest.mark.parametrize("which", ["network", "site"])
def test_config_schema_prints_a_json_schema(which: str) -> None:
    schema = json.loads(pocnet("config", "schema", which).stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_pull_prints_one_json_object_whose_counts_add_up(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n")
    done = pocnet("pull", folder, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert Path(said["snapshot"]).is_file()
    beta = [d for d in said["datasets"] if d["site"] == "beta"]
    assert beta[0] == {
        "site": "beta",
        "dataset": "batch",
        "records": 5,
        "read": 5,
        "good": 4,
        "repeated": 1,
        "rejected": 1,
    }
    assert all(d["read"] == d["good"] + d["rejected"] for d in said["datasets"])


def test_pull_shows_a_table_and_what_went_wrong_with_one_site(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n")
    (folder / "drops" / "beta" / "releases.csv").unlink()
    done = pocnet("pull", folder)
    assert done.returncode == 3
    assert "alpha" in done.stdout and "Published: " in done.stdout
    assert done.stderr.count("Problem: ") == 1
    assert "Problem: site beta, source main: " in done.stderr


def test_a_mistake_in_one_sites_file_does_not_stop_the_others(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n")
    edit(folder, "beta", "joined =", "joind =")
    done = pocnet("pull", folder, "--json")
    assert done.returncode == 3
    assert "sites/beta.toml:8: site.joind" in done.stderr
    assert {d["site"] for d in json.loads(done.stdout)["datasets"]} >= {
        "alpha",
        "gamma",
    }


def test_a_site_asked_for_by_name_must_be_right(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n")
    edit(folder, "beta", "joined =", "joind =")
    wrong = pocnet("pull", folder, "--site", "beta")
    assert (wrong.returncode, "sites/beta.toml:8" in wrong.stderr) == (2, True)
    unknown = pocnet("pull", folder, "--site", "alfa")
    assert unknown.returncode == 2
    assert 'no site "alfa"' in unknown.stderr and "alpha" in unknown.stderr


def test_pull_fails_when_no_site_answers(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n", ("alpha",))
    for path in (folder / "drops" / "alpha").iterdir():
        path.unlink()
    assert pocnet("pull", folder).returncode == 1


def test_since_and_full_exclude_each_other(tmp_path: Path) -> None:
    done = pocnet("pull", tmp_path, "--full", "--since", "2026-01-01")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_a_folder_that_is_no_network_is_named(tmp_path: Path) -> None:
    for command in ("pull", "serve"):
        done = pocnet(command, tmp_path / "nowhere")
        assert done.returncode == 2
        assert "pocnet init" in done.stderr


def test_serve_refuses_a_host_that_others_can_reach(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "n")
    done = pocnet("serve", folder, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "sign-in is not configured" in done.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_is_said_before_any_work(
    tmp_path: Path, command: str
) -> None:
    folder = write_network(tmp_path / "n")
    target = [folder] if command == "serve" else ["--dir", tmp_path / "d"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = pocnet(command, *target, "--port", str(port))
    assert done.returncode == 2
    assert f"Port {port} is taken" in done.stderr
    assert not (tmp_path / "d").exists()


def test_demo_leaves_another_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine")
    done = pocnet("demo", "--no-serve", "--dir", tmp_path)
    assert done.returncode == 2
    assert "no demo" in done.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of one site after its first pull, to be copied."""
    folder = write_network(tmp_path_factory.mktemp("published") / "n", ("alpha",))
    assert pocnet("pull", folder).returncode == 0
    return folder


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pull_leaves_nothing_half_done(
    published: Path, tmp_path: Path, kill: signal.Signals
) -> None:
    folder = Path(shutil.copytree(published, tmp_path / "n", symlinks=True))
    before = os.readlink(folder / "data" / "snapshots" / "current")
    head, line = BATCHES.format(slug="alpha").splitlines()[:2]
    many = "\n".join([head, *(line.replace("001", str(n)) for n in range(400_000))])
    drop(folder, "alpha", {"batches.csv": many})
    process = subprocess.Popen(
        [*COMMAND, "pull", str(folder)], env=environment(), stderr=subprocess.PIPE
    )
    time.sleep(2.5)
    process.send_signal(kill)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Interrupted" in stderr and b"Traceback" not in stderr
    assert os.readlink(folder / "data" / "snapshots" / "current") == before
