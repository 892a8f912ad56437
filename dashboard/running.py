"""`pocnet run`: one pull after another, each in its own process, until it is ended.

A process of its own, because then nothing a pull does can end the next one: what it
took of memory is given back, and one that dies takes its own life only.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from connectors import ConfigError
from dashboard import log
from dashboard.timetable import Due, Now
from etl.network import NETWORK_FILE
from etl.run import data_folder

# A clock that is set is noticed after this time at most.
_LOOK: Final = 30.0
# As long as it takes to undo what a pull has begun; then it is killed, which is safe.
_PATIENCE: Final = 60.0
_KEPT: Final = 30
_OUTCOMES: Final = {0: "complete", 1: "failed", 2: "configuration", 3: "partial"}
_COMMAND: Final = (sys.executable, "-P", "-c", "from dashboard.cli import main; main()")


@dataclass(frozen=True)
class Outcome:
    """What a pull came to, without any site's name.

    `outcome` is complete, partial, failed, configuration, interrupted or killed;
    `reference` names the file under `data/problems` with all that it said.
    """

    outcome: str
    seconds: float
    run: int | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    sites: Mapping[str, int] = field(default_factory=dict)
    reference: str | None = None


@dataclass(frozen=True)
class Told:
    """Who is told of what happens: before each pull when it is due, and after it."""

    due: Callable[[datetime], None] = lambda moment: None
    over: Callable[[Outcome], None] = lambda outcome: None


def go_on(folder: Path, begin: Callable[[Now], Due], told: Told) -> NoReturn:
    """Pull whenever it is due, for ever; ends by KeyboardInterrupt alone.

    A pull that fails is told and the next one goes on: what keeps a site from
    answering at night is mostly gone in the morning. ConfigError for a folder that is
    no network, because that will not pass.
    """
    if not (folder / NETWORK_FILE).is_file():
        raise ConfigError(
            f"{folder} holds no {NETWORK_FILE}. Name the network's folder, or make "
            "one with `pocnet init DIR`."
        )
    due = begin(now())
    while True:
        _wait(due, told)
        told.over(pulled(folder))
        due = due.following(now())
        if due.missed:
            log.warn("pull took longer than its interval", left_out=due.missed)


def now() -> Now:
    """What both clocks say now."""
    return Now(datetime.now(UTC), time.monotonic())


def _wait(due: Due, told: Told) -> None:
    while (left := due.left(now())) > 0:
        told.due(datetime.fromtimestamp(time.time() + left, UTC))
        time.sleep(min(left, _LOOK))


def pulled(folder: Path) -> Outcome:
    """What `pocnet pull` comes to, run to its end; interrupted when we are."""
    log.tell("pull begins")
    began = time.monotonic()
    command = [*_COMMAND, "pull", str(folder), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said, problems = process.communicate()
        except KeyboardInterrupt:
            _end(process)
            raise
    outcome = _outcome(process.returncode, said, time.monotonic() - began)
    if outcome.run is None:
        outcome = _kept(folder, outcome, problems)
    _tell(outcome)
    return outcome


def _end(process: "subprocess.Popen[str]") -> None:
    """Let it take back what it has begun, and wait until it has."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_PATIENCE)
    process.kill()
    log.tell("pull interrupted")


def _outcome(code: int, said: str, seconds: float) -> Outcome:
    outcome = "killed" if code < 0 else _OUTCOMES.get(code, "interrupted")
    try:
        result = json.loads(said)
    except ValueError:
        return Outcome(outcome, seconds)
    rows = {name: _sum(result["datasets"], name) for name in ("read", "good")}
    rows["rejected"] = _sum(result["datasets"], "rejected")
    silent = {failure["site"] for failure in result["failures"]}
    answered = {counts["site"] for counts in result["datasets"]}
    sites = {"answered": len(answered - silent), "failed": len(silent)}
    return Outcome(outcome, seconds, int(result["run"]), rows, sites)


def _sum(datasets: Sequence[Mapping[str, Any]], name: str) -> int:
    return sum(int(counts[name]) for counts in datasets)


def _kept(folder: Path, outcome: Outcome, problems: str) -> Outcome:
    """The outcome with the reference under which its words are kept.

    They name sites and files, so they go into a file that this account alone may read.
    """
    reference = secrets.token_hex(4)
    place = data_folder(folder) / "problems"
    with suppress(OSError):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = place / f"{reference}.txt"
        path.touch(mode=0o600)
        path.write_text(problems)
        for old in sorted(place.iterdir(), key=lambda p: p.stat().st_mtime)[:-_KEPT]:
            old.unlink()
    return Outcome(outcome.outcome, outcome.seconds, reference=reference)


def _tell(outcome: Outcome) -> None:
    good = outcome.outcome in ("complete", "partial")
    (log.tell if good else log.warn)(
        "pull ended",
        outcome=outcome.outcome,
        run=outcome.run,
        seconds=round(outcome.seconds, 1),
        **{f"rows_{name}": count for name, count in outcome.rows.items()},
        **{f"sites_{name}": count for name, count in outcome.sites.items()},
        reference=outcome.reference,
    )
