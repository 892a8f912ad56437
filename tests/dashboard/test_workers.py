import re
import sys
from pathlib import Path

import httpx

from tests.serving import ROOT, free_port, serving_command

NETWORK = '[network]\nname = "Test"\ntoday = 2026-11-16\n'
ASKED = 12


def answered(watched: int) -> float:
    """How many answers at one address all the processes have counted."""
    told = httpx.get(f"http://127.0.0.1:{watched}/metrics").text
    counts = r'pocnet_request_seconds_count\{page="/methods",part="frame"\} (\S+)'
    return sum(float(count) for count in re.findall(counts, told))


def test_several_processes_answer_at_one_address_and_count_as_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "network.toml").write_text(NETWORK)
    port, watched = free_port(), free_port()
    pocnet = str(Path(sys.executable).with_name("pocnet"))
    served = [pocnet, "serve", str(tmp_path), "--port", str(port)]
    both = ["--workers", "2", "--metrics", str(watched)]
    with serving_command([*served, *both], port, ROOT):
        home = f"http://127.0.0.1:{port}/methods"
        # Each has a connection of its own, so that both processes get some.
        assert {httpx.get(home).status_code for _ in range(ASKED)} == {200}
        assert answered(watched) == ASKED
        told = httpx.get(f"http://127.0.0.1:{watched}/metrics").text
        assert "pocnet_snapshot 0.0" in told
