"""What `sites/<slug>.toml` may say, key by key, and nothing else.

The models are the only list of keys: the checks, the JSON Schemas and the hints for
misspelt keys all come from them, and each key explains itself in its description. What
needs more than one key to judge (datasets, columns, sources) is in
`etl.settings_rules`; `network.toml` has its models in `etl.settings_network`.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from connectors import Extract
from etl.settings_kinds import Secret, Slugs, Strict, Text, Word

DateOrder = Literal["iso", "dmy", "mdy", "ymd", "excel"]
Decimal = Literal[".", ","]


class SiteInfo(Strict):
    """Who a site is; its slug is the name of its file."""

    name: Annotated[Text, Field(description="The site's name, as pages show it.")]
    country: Annotated[
        str,
        Field(pattern=r"^([A-Z]{2}|-)$", description="ISO 3166-1 code, or `-`."),
    ]
    region: Annotated[
        Text | None, Field(description="NUTS 2 or ISO 3166-2 code of its region.")
    ] = None
    latitude: Annotated[
        float | None, Field(ge=-90, le=90, description="Degrees north.")
    ] = None
    longitude: Annotated[
        float | None, Field(ge=-180, le=180, description="Degrees east.")
    ] = None
    kind: Annotated[str, Word("site_kind"), Field(description="What it does.")]
    stage: Annotated[str, Word("site_stage"), Field(description="How far it has come.")]
    joined: Annotated[date | None, Field(description="The day it joined.")] = None
    nominal_capacity: Annotated[
        int | None, Field(ge=0, description="Products a year it is built for.")
    ] = None
    laboratories: Annotated[
        Slugs,
        Field(description="Testing laboratories that may send this site's results."),
    ] = ()


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        said = "is no time zone such as Europe/Madrid"
        raise PydanticCustomError("zone", said) from None
    return name


class Style(Strict):
    """How a site writes numbers and dates; one column may differ."""

    decimal: Annotated[Decimal, Field(description="The decimal sign.")] = "."
    dates: Annotated[
        DateOrder,
        Field(description="The order of day, month and year; excel = day numbers."),
    ] = "iso"
    time_zone: Annotated[
        str,
        AfterValidator(_known_zone),
        Field(description="For moments written without one."),
    ] = "UTC"
    language: Annotated[
        str, Field(pattern=r"^[a-z]{2}$", description="ISO 639-1 code of its words.")
    ] = "en"


KeyId = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+$",
        description="Which key it is; each pseudonym begins with it.",
    ),
]


class FormerKey(Strict):
    """A key that was changed for another, for the batches first sent under it."""

    key: Annotated[Secret, Field(description="The key of the pseudonyms.")]
    key_id: KeyId


class PrivacyRules(Strict):
    """How the site's own numbers become pseudonyms, and how exact its dates stay."""

    key: Annotated[Secret, Field(description="The key of the pseudonyms.")]
    key_id: KeyId
    former: Annotated[
        tuple[FormerKey, ...],
        Field(
            strict=False,
            description="Keys before this one, the oldest first: what was sent under "
            "one of them keeps its pseudonym.",
        ),
    ] = ()
    free_text: Annotated[
        bool,
        Field(
            description="true: texts of more than fifteen words may leave, if no "
            "identifier is found in them."
        ),
    ] = False
    coarsen: Annotated[
        Literal["day", "week"],
        Field(description="week: the network gets the Monday of each date."),
    ] = "day"


class AgentRules(Strict):
    """How a site sends its bundles itself, where its firewall lets nobody in.

    The hub needs `public_key` and `share` of it, the site all of it.
    """

    public_key: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-f]{64}$",
            description="What its signatures are checked with; pocnet keys prints it.",
        ),
    ]
    signing_key: Annotated[
        Secret | None,
        Field(description="What it signs with: the file that pocnet keys wrote."),
    ] = None
    send: Annotated[
        Text | None,
        Field(
            description="Where bundles go: https://hub, sftp://user@hub/folder, or a "
            "folder from which a person carries them."
        ),
    ] = None
    host_key: Annotated[
        Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")] | None,
        Field(description="sftp: SHA256:… of the hub's key, by ssh-keygen -lf."),
    ] = None
    login_key: Annotated[
        Secret | None, Field(description="sftp: the private key of the account there.")
    ] = None
    share: Annotated[
        Literal["batches", "aggregates"],
        Field(description="aggregates: counts by stratum leave, and no batch."),
    ] = "batches"


class ColumnRule(Strict):
    """Where one contract column comes from: a source column or a constant."""

    column: Annotated[Text | None, Field(description="The source's column.")] = None
    constant: Annotated[
        Text | int | float | date | None,
        Field(description="The same for every row: numbers and dates as TOML's own."),
    ] = None
    codes: Annotated[
        Mapping[str, str],
        Field(description='Its words = ours; "" means nothing was said.'),
    ] = {}
    decimal: Annotated[
        Decimal | None, Field(description="Where it differs from [style].")
    ] = None
    dates: Annotated[
        DateOrder | None, Field(description="Where it differs from [style].")
    ] = None
    fraction: Annotated[bool, Field(description="true: 0.97 means 97 %.")] = False
    power: Annotated[
        int, Field(ge=0, le=12, description="6: 1.5 means 1.5 × 10^6.")
    ] = 0

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise PydanticCustomError("origin", "needs either `column` or `constant`")
        if self.constant is not None and self.model_fields_set != {"constant"}:
            raise PydanticCustomError(
                "constant",
                "has a `constant`, which stands alone: it is taken as written",
            )
        return self


def _column_rule(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


# The short form `batch = "Lote"` stands for `batch = { column = "Lote" }`.
Columns = Mapping[
    Text,
    Annotated[
        ColumnRule,
        BeforeValidator(_column_rule, json_schema_input_type=Text | ColumnRule),
    ],
]


class Each(Strict):
    """One contract row for every record: how a wide record becomes long."""

    when: Annotated[
        Text | None,
        Field(description="Only where this source column holds something."),
    ] = None
    columns: Annotated[Columns, Field(description="Columns of this row alone.")]


class DatasetRules(Strict):
    """One `[[dataset]]`: what is read where, and what its columns mean."""

    name: Annotated[Text, Field(description="The contract's dataset.")]
    source: Annotated[
        Text | None,
        Field(description="The [source.NAME]; not needed where there is only one."),
    ] = None
    location: Annotated[
        Text,
        Field(
            alias="from",
            description="File pattern (and #Sheet), table, view, form or path.",
        ),
    ]
    read: Annotated[
        Mapping[str, object], Field(description="How it is read there.")
    ] = {}
    columns: Annotated[
        Columns, Field(description="Contract column = the source's column.")
    ] = {}
    each: Annotated[
        tuple[Each, ...], Field(strict=False, description="Wide to long.")
    ] = ()

    @property
    def extract(self) -> Extract:
        """What a connector is asked for."""
        rules = [
            *self.columns.values(),
            *(r for e in self.each for r in e.columns.values()),
        ]
        named = [rule.column for rule in rules] + [each.when for each in self.each]
        columns = tuple(dict.fromkeys(name for name in named if name))
        return Extract(self.name, self.location, self.read, columns)


class SiteFile(Strict):
    """`sites/<slug>.toml`: who a site is, where its data are, what its words mean."""

    site: SiteInfo
    source: Annotated[
        Mapping[Text, Mapping[str, object]],
        Field(description="Its systems, under the site's own names for them."),
    ] = {}
    style: Style = Style()
    privacy: PrivacyRules | None = None
    agent: AgentRules | None = None
    dataset: Annotated[
        tuple[DatasetRules, ...],
        Field(strict=False, description="What is read, in any order."),
    ] = ()
