"""What `network.toml` may say: the network, what it agreed and what it makes."""

from datetime import date
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from etl.settings_access import Auditing, SignIn
from etl.settings_kinds import Secret, Slug, Strict, Text, Word
from etl.settings_sharing import Blinding, SignOff

_ADDRESS: Final = r"^[^@\s<>,;]+@[^@\s<>,;]+$"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_Address = Annotated[str, Field(pattern=_ADDRESS)]


class NetworkInfo(Strict):
    """The network itself."""

    name: Annotated[Text, Field(description="The network's name, as pages show it.")]
    today: Annotated[
        date | None,
        Field(description="Only for made-up networks: the day it is there."),
    ] = None


class Reporting(Strict):
    """What the sites have agreed to report, and by when."""

    period: Annotated[
        Literal["month"], Field(description="How often sites report.")
    ] = "month"
    days: Annotated[
        int, Field(ge=0, description="Agreed reporting days after the period's end.")
    ] = 14
    completeness: Annotated[
        float,
        Field(ge=0, le=1, description="A site below this share is not compared."),
    ] = 0.8


class Audience(Strict):
    """How much one kind of reader is shown of small counts."""

    threshold: Annotated[
        int,
        Field(ge=0, description="Counts under this are suppressed; zero is shown."),
    ] = 0
    batches: Annotated[
        int | None,
        Field(ge=0, description="The same for batches, where it is not the threshold."),
    ] = None
    quality: Annotated[
        int | None,
        Field(
            ge=0,
            description="The same for failures, criteria and deviations, where it is "
            "not the threshold.",
        ),
    ] = None
    rounding: Annotated[
        int, Field(ge=1, description="Counts are rounded to a multiple of this.")
    ] = 1


class Shown(Audience):
    """What of others one kind of reader is shown at all."""

    groups: Annotated[
        tuple[Literal["batches", "capacity", "deviations", "criteria"], ...],
        Field(strict=False, description="Of what figures are shown; its own always."),
    ] = ("batches", "capacity", "deviations", "criteria")
    since: Annotated[
        str | None,
        Field(
            pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$",
            description="The first month that is shown, such as 2025-01.",
        ),
    ] = None


class Disclosure(Strict):
    """Small-count rules by audience; only the public's are on from the start."""

    lead: Annotated[Audience, Field(description="The network's leads.")] = Audience()
    authority: Annotated[
        Shown, Field(description="Authorities, each for its region.")
    ] = Shown()
    site: Annotated[Shown, Field(description="A site, on its peers.")] = Shown()
    public: Annotated[Shown, Field(description="Everybody else.")] = Shown(
        threshold=5, rounding=5
    )
    dominance: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="The largest share of a pooled count that one site may have.",
        ),
    ] = 0.75


class Product(Strict):
    """A product of the network, in the contract's columns."""

    product: Annotated[Slug, Field(description="Its slug, as sites map it.")]
    title: Annotated[Text, Field(description="Its name, as pages show it.")]
    product_class: Annotated[
        str, Word("product_class"), Field(description="The class it is compared in.")
    ]
    source: Annotated[
        Annotated[str, Word("product_source")] | None,
        Field(description="Whose cells it is made from."),
    ] = None
    tissue: Annotated[
        Annotated[str, Word("tissue")] | None,
        Field(description="What the cells are taken from."),
    ] = None
    format: Annotated[
        Annotated[str, Word("format")] | None,
        Field(description="How it leaves the site."),
    ] = None
    gene_transfer: Annotated[
        Annotated[str, Word("gene_transfer")] | None,
        Field(description="How genes are brought in, if any."),
    ] = None
    indication: Annotated[Text | None, Field(description="What it is given for.")] = (
        None
    )


class Signals(Strict):
    """The e-mail that says there is something new to look at; it holds no data."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"user": ["password"], "password": ["user"]}
        }
    )

    host: Annotated[Text, Field(description="The mail server that takes it.")]
    port: Annotated[
        int,
        Field(
            ge=1,
            le=65535,
            description="Its port: 465 is encrypted from the start, others are where "
            "the server offers STARTTLS.",
        ),
    ] = 587
    sender: Annotated[_Address, Field(description="The address it comes from.")]
    recipients: Annotated[
        tuple[_Address, ...],
        Field(strict=False, min_length=1, description="The addresses it goes to."),
    ]
    link: Annotated[
        str,
        Field(
            pattern=r"^https?://\S+$",
            description="Where its reader finds the dashboard: the whole e-mail.",
        ),
    ]
    user: Annotated[
        Secret | None, Field(description='The account there, as { env = "NAME" }.')
    ] = None
    password: Annotated[
        Secret | None,
        Field(
            description='Its password, as { env = "NAME" }; sent encrypted or not at '
            "all."
        ),
    ] = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("needs user and password, or neither")
        return self


class Check(Strict):
    """How much of what a rule looks at may break it before a site has failed it."""

    rule: Annotated[
        Literal[
            "result_without_batch",
            "release_without_batch",
            "material_without_batch",
            "deviation_without_batch",
            "batch_without_order",
            "release_before_harvest",
            "infused_without_release",
            "booked_above_staffed",
            "overlapping_versions",
            "fractions_as_percent",
            "decision_against_results",
        ],
        Field(description="A rule between datasets, by its name."),
    ]
    threshold: Annotated[
        float,
        Field(
            ge=0, le=1, description="The share of rows that may break it; 0.02 is 2 %."
        ),
    ]


class ArchivePlace(Strict):
    """Where what the sites sent is kept: a folder, or a bucket that speaks S3."""

    address: Annotated[
        Text,
        Field(description="A folder, seen from this file's, or s3://bucket/folder."),
    ]
    endpoint: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s@]+$",
            description="The store's own address; without it the bucket is Amazon's.",
        ),
    ] = None
    region: Annotated[
        str, Field(description="The store's region, where it has any.")
    ] = "us-east-1"
    access_key: Annotated[
        Secret | None,
        Field(
            description='Who may read, list, put and delete there, as { env = "NAME" }.'
        ),
    ] = None
    secret_key: Annotated[
        Secret | None, Field(description='Its secret, as { env = "NAME" }.')
    ] = None
    ca_file: Annotated[
        str | None,
        Field(
            description="The certificates (PEM) of a store with an authority of its "
            "own, seen from this file's folder."
        ),
    ] = None

    @property
    def bucket(self) -> tuple[str, str] | None:
        """The bucket's name and the folder in it; None for a folder of this machine."""
        parts = urlsplit(self.address)
        return (parts.netloc, parts.path.strip("/")) if parts.scheme == "s3" else None

    @model_validator(mode="after")
    def _keys_where_they_open_something(self) -> Self:
        if self.bucket is None:
            if "://" in self.address:
                raise ValueError("address must be a folder or s3://bucket/folder")
            if self.model_fields_set - {"address"}:
                raise ValueError("a folder needs nothing beside its address")
        elif self.access_key is None or self.secret_key is None:
            raise ValueError("a bucket needs access_key and secret_key")
        plain = (self.endpoint or "").startswith("http://")
        if plain and urlsplit(self.endpoint).hostname not in _LOOPBACK:
            raise ValueError("endpoint must start with https://, or all travels open")
        return self


class NetworkFile(Strict):
    """`network.toml`: the network, what it agreed and what it makes."""

    network: NetworkInfo
    reporting: Reporting = Reporting()
    disclosure: Disclosure = Disclosure()
    blinding: Annotated[
        Blinding, Field(description="How a site is shown its peers one by one.")
    ] = Blinding()
    sign_off: Annotated[
        SignOff | None,
        Field(description="Until when sites sign what others see of them."),
    ] = None
    signals: Annotated[
        Signals | None,
        Field(description="Whom to tell that there is something new to look at."),
    ] = None
    sign_in: Annotated[SignIn | None, Field(description="Who may look from where.")] = (
        None
    )
    audit: Annotated[
        Auditing, Field(description="The trail of who did what and when.")
    ] = Auditing()
    archive: Annotated[
        ArchivePlace | None,
        Field(description="Where what was sent is kept, if not in data/archive."),
    ] = None
    check: Annotated[
        tuple[Check, ...],
        Field(strict=False, description="Rules of which one broken row is no failure."),
    ] = ()
    product: Annotated[
        tuple[Product, ...], Field(strict=False, description="The network's products.")
    ] = ()
