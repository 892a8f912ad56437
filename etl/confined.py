"""One bundle looked through in a process of its own, which may not grow.

A file of a few kilobytes can unfold into more memory than the machine has, in more
ways than can be listed. The limits are the operating system's, so that no reader of
any format has to be trusted with them; when they are hit, this process ends and the
bundle is refused. It takes the folder of the network, that of the package, and the
bundle's site and name, and prints a receipt or a refusal.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

MEMORY: Final = 4 << 30
SECONDS: Final = 900


def in_confinement(
    network: Path, package: Path, site: str, name: str, memory: int
) -> dict[str, object] | None:
    """What the process said, None if it was ended by its limits."""
    arguments = (str(network), str(package), site, name, str(memory))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "etl.confined", *arguments],
            # None of the hub's secrets, which stand in its environment.
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=4 * SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    said: dict[str, object] = json.loads(done.stdout)
    return said


def _main(network: str, package: str, site: str, name: str, memory: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from etl.bundle import Archive
    from etl.examination import examined
    from etl.signature import RefusedError
    from etl.sound import load_desk

    archive = Archive(Path(package))
    try:
        manifest = archive.manifest(site, name)
        receipt = examined(archive, manifest, load_desk(Path(network)))
        sys.stdout.write(receipt.model_dump_json())
    except RefusedError as error:
        sys.stdout.write(json.dumps({"refused": error.rule, "message": str(error)}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
