"""What `network.toml` may say of sign-in and of the audit trail."""

from ipaddress import ip_address
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from etl.roles import Role
from etl.settings_kinds import Secret, Slug, Strict, Text

_ADDRESS: Final = r"^https?://[^\s/?#@]+$"


class Granted(Strict):
    """What the members of one of the provider's groups are here."""

    group: Annotated[Text, Field(description="The group, as the provider writes it.")]
    role: Annotated[Role, Field(description="What its members are here.")]
    region: Annotated[
        Text | None, Field(description="An authority's region, as sites name it.")
    ] = None
    site: Annotated[Slug | None, Field(description="A site's slug.")] = None

    @model_validator(mode="after")
    def _scoped(self) -> Self:
        wanted = {"authority": ("region",), "site": ("site",)}.get(self.role, ())
        given = tuple(name for name in ("region", "site") if getattr(self, name))
        if given != wanted:
            needs = f"needs {wanted[0]}" if wanted else "takes neither region nor site"
            raise ValueError(f"role {self.role} {needs}")
        return self


class Provider(Strict):
    """An OpenID Connect provider: whose accounts are believed, and what they may."""

    issuer: Annotated[
        str, Field(pattern=r"^https?://\S+$", description="Its issuer, as an address.")
    ]
    client_id: Annotated[Text, Field(description="The client it knows pocnet as.")]
    client_secret: Annotated[
        Secret, Field(description='The client\'s secret, as { env = "NAME" }.')
    ]
    title: Annotated[
        Text, Field(description="The words of the button that leads there.")
    ] = "Sign in with your institution"
    scope: Annotated[Text, Field(description="What it is asked for.")] = (
        "openid profile email"
    )
    groups: Annotated[
        Text, Field(description="The claim that lists a person's groups.")
    ] = "groups"
    group: Annotated[
        tuple[Granted, ...],
        Field(
            strict=False,
            min_length=1,
            description="Groups and roles; the first that fits counts.",
        ),
    ]


class SignIn(Strict):
    """Who may look; without this table anybody on this machine may, and nobody else."""

    address: Annotated[
        str,
        Field(
            pattern=_ADDRESS,
            description="Where people open the dashboard, without a path.",
        ),
    ]
    idle_minutes: Annotated[
        int, Field(ge=1, le=1440, description="Minutes of silence that sign out.")
    ] = 30
    hours: Annotated[
        int, Field(ge=1, le=168, description="Hours after which all sign in again.")
    ] = 12
    public: Annotated[
        bool, Field(description="true: strangers see what the public may see.")
    ] = False
    provider: Annotated[
        Provider | None,
        Field(description="Sign-in by OpenID Connect, besides `pocnet user add`."),
    ] = None

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        addresses = [self.address, *([self.provider.issuer] if self.provider else [])]
        if any(not at_home(each) for each in addresses if each.startswith("http:")):
            raise ValueError("needs https:// except on this machine itself")
        return self


class Auditing(Strict):
    """How the audit trail is sealed and where its checkpoints go."""

    key: Annotated[
        Secret | None,
        Field(
            description='What deeds are sealed with, as { env = "NAME" }; left out, '
            "data/audit.key, which proves nothing against who can read it."
        ),
    ] = None
    checkpoints: Annotated[
        Text | None,
        Field(
            description="A file, better on another machine, that gets a line every "
            "hundred deeds."
        ),
    ] = None


def at_home(address: str) -> bool:
    """Whether an address is this machine's own, so that nothing crosses a network."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
