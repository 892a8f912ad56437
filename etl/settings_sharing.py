"""What `network.toml` may say of peers that stay unnamed, and of sites that sign."""

from typing import Annotated, Final, Literal

from pydantic import Field

from etl.settings_kinds import Strict

MOST_BANDS: Final = 4


class Blinding(Strict):
    """How a site is shown its peers one by one, without knowing which is which."""

    way: Annotated[
        Literal["pool", "z", "bands"],
        Field(
            description="pool: not one by one; z: how far each lies from the network; "
            "bands: that, and the band of its volume."
        ),
    ] = "z"
    bands: Annotated[
        int,
        Field(
            ge=2,
            le=MOST_BANDS,
            description="In how many bands of volume peers are laid, if in any.",
        ),
    ] = 2


class SignOff(Strict):
    """Until when sites sign what others see of them, and what comes of not signing."""

    deadline_days: Annotated[
        int,
        Field(ge=0, description="Days after a month's end by which each site signs."),
    ] = 28
    effect: Annotated[
        Literal["publish", "mark", "withhold"],
        Field(
            description="What becomes of figures that are not signed by then: shown, "
            "shown and marked, or shown to their own site alone."
        ),
    ] = "mark"
