"""Services of systemd for one network: pulls by a timetable, and the dashboard.

Both run under an account of their own that may write the network's data and nothing
else. A unit of `pocnet run` instead of a timer that begins pulls: a timer's would
begin while the last one still goes on, and nobody would count them.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_HARDENED: Final = """\
User={user}
Environment=POCNET_LOG=json
EnvironmentFile=-/etc/pocnet/environment
WorkingDirectory={folder}
ReadWritePaths={folder}/data
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
"""
_UNIT: Final = """\
[Unit]
Description=pocnet: {what} of {folder}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={program} {command}
Restart=on-failure
RestartSec=30
SuccessExitStatus=130
RestartPreventExitStatus=2
TimeoutStopSec=90
{hardened}
[Install]
WantedBy=multi-user.target
"""


def units(folder: Path, user: str, every: str) -> Mapping[str, str]:
    """The text of each unit by the name of its file."""
    place = folder.resolve()
    program = Path(sys.argv[0]).resolve()
    hardened = _HARDENED.format(user=user, folder=place)
    commands = {
        "run": ("pulls", f"run --every {every} --metrics 9464 {place}"),
        "serve": ("the dashboard", f"serve --metrics 9465 {place}"),
    }
    return {
        f"pocnet-{name}.service": _UNIT.format(
            what=what,
            folder=place,
            program=program,
            command=command,
            hardened=hardened,
        )
        for name, (what, command) in commands.items()
    }
