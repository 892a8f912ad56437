"""A root of its own for a command: nothing in it can be written but what is named.

What a container engine does, with the kernel's own means and no engine: a mount
namespace, read-only bind mounts, a `/tmp` in memory, an account without rights.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.etl.drops import ENVIRON
from tests.serving import ROOT

NOBODY: Final = 65534
_SEEN: Final = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/dev")
_SCRIPT: Final = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$PLACE"
for path in $READ; do
    [ -e "$path" ] || continue
    mkdir -p "$PLACE$path"
    mount --rbind "$path" "$PLACE$path"
    [ "$path" = /dev ] || mount -o remount,bind,ro "$PLACE$path"
done
mkdir -p "$PLACE$WRITTEN"
mount --bind "$WRITTEN" "$PLACE$WRITTEN"
mkdir -p "$PLACE/proc"
mount -t proc none "$PLACE/proc"
mount -o remount,ro "$PLACE"
exec chroot --userspec=$NOBODY:$NOBODY "$PLACE" "$@"
"""
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="needs root, to make a mount namespace",
)


def confined(
    place: Path, network: Path, *command: str
) -> "subprocess.CompletedProcess[str]":
    """What a command does as nobody, with only the network's data to be written."""
    data = network / "data"
    data.mkdir(exist_ok=True)
    for path in (data, *data.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    read = [*_SEEN, str(ROOT), sys.prefix, sys.base_prefix, str(network)]
    return _namespace(
        command,
        {
            "PLACE": str(place),
            "READ": " ".join(read),
            "WRITTEN": str(data),
            "NOBODY": str(NOBODY),
        },
    )


def on_disk(disk: Path, how: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """What a command does while the folder is a small disk, or one that is read-only.

    `how` are shell commands that mount it; nobody else sees the mount.
    """
    disk.mkdir(parents=True, exist_ok=True)
    script = f'set -e; mount --make-rprivate /; {how}; exec "$@"'
    return _namespace(command, {"DISK": str(disk)}, script)


def _namespace(
    command: Sequence[str], words: dict[str, str], script: str = _SCRIPT
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command],
        env={**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT), "HOME": "/tmp", **words},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
