"""Where the files lie that are served, or written with, from home."""

from pathlib import Path
from typing import Final


def assets() -> Path:
    """The folder of styles, scripts, fonts and maps: the wheel's, or a checkout's."""
    installed = Path(__file__).parent / "_assets"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "assets"


FONTS: Final = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
