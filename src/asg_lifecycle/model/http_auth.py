"""How a request of a plan says who sends it: secrets by their names, never by their values."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from asg_lifecycle.model.bounds import matching

SecretName: TypeAlias = Annotated[
    str,
    matching(
        "^/?asg-lifecycle/[A-Za-z0-9-]{1,128}/http/[A-Za-z0-9_.-]{1,128}(/[A-Za-z0-9_.-]{1,128}){0,10}"
        "(#[A-Za-z0-9_.-]{1,128})?$",
        "the name of a SecureString parameter, '/asg-lifecycle/STACK/http/NAME', or of a secret of Secrets Manager, "
        "'asg-lifecycle/STACK/http/NAME', with '#FIELD' behind it where it is a JSON object",
        hidden=True,
    ),
]
"""A SecureString parameter, which begins with a slash, or a secret of Secrets Manager."""


class BasicAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user and a password."""

    user: Annotated[
        str,
        matching("^[!-9;-~]{1,256}$", "a user's name in printable ASCII, without a colon"),
        Meta(description="The user."),
    ]
    password: Annotated[SecretName, Meta(description="The name of the secret that is the password.")]


class HeaderAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A secret in a header."""

    name: Annotated[
        str,
        matching("^[A-Za-z0-9-]{1,100}$", "the name of a header, letters, digits and hyphens"),
        Meta(description="The header, `X-Consul-Token` for one."),
    ]
    value: Annotated[SecretName, Meta(description="The name of the secret that it holds.")]
    prefix: Annotated[
        str,
        matching("^[ -~]{0,100}$", "printable ASCII characters"),
        Meta(description="What stands in the header before the secret, `ApiKey ` for one."),
    ] = ""


class Sigv4Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature with the function's own role."""

    service: Annotated[
        str,
        matching("^[a-z0-9-]{1,64}$", "what AWS signs for, 'es' or 'execute-api' for one"),
        Meta(description="What is signed for: `es`, `execute-api`. A policy of yours has to let the function's role."),
    ]
    region: Annotated[
        Annotated[str, matching("^[a-z0-9-]{1,32}$", "a Region, 'eu-west-1' for one")] | None,
        Meta(description="The Region; that of the function without it."),
    ] = None


class HttpAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to say who sends a request."""

    bearer: Annotated[
        SecretName | None,
        Meta(description="The name of the secret that is sent as bearer token in the header `Authorization`."),
    ] = None
    basic: Annotated[BasicAuth | None, Meta(description="A user, and the name of the secret that is the password.")] = (
        None
    )
    header: Annotated[
        HeaderAuth | None, Meta(description="A header of another name, and the name of the secret in it.")
    ] = None
    sigv4: Annotated[Sigv4Auth | None, Meta(description="A signature of AWS, with the function's role.")] = None

    def __post_init__(self) -> None:
        """Refuse none, and several.

        Raises:
            ValueError: there is not exactly one.
        """
        if sum(each is not None for each in (self.bearer, self.basic, self.header, self.sigv4)) != 1:
            raise ValueError("auth has one of bearer, basic, header and sigv4")

    @property
    def secret(self) -> str | None:
        """The name of the secret that is needed, None where none is."""
        if self.basic is not None:
            return self.basic.password
        return self.header.value if self.header is not None else self.bearer

    @property
    def headers(self) -> tuple[str, ...]:
        """The names of the headers that are sent, in small letters."""
        return (self.header.name.lower(),) if self.header is not None else ("authorization",)
