"""Which account and Region the AWS clients are for, where an operator has said it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator


class Account(Struct, frozen=True, kw_only=True):
    """An account and a Region of AWS.

    Attributes:
        profile: the profile of the AWS configuration whose credentials are used, None for those that boto3 finds.
        region: name of the Region, None for the one that boto3 finds.
    """

    profile: str | None = None
    region: str | None = None


# Every command of the command line has the options --region and --profile, and every composition function makes
# clients: handing the two on by hand would put two parameters into each of them. AWS_PROFILE in the environment would
# not do: boto3 prefers AWS_ACCESS_KEY_ID to it, and the command would act in another account than it was told.
_chosen: ContextVar[Account | None] = ContextVar("account", default=None)


@contextmanager
def acting_in(account: Account) -> Iterator[None]:
    """Make all clients whose `Clients` is constructed inside for this account and Region."""
    token = _chosen.set(account)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen_account() -> Account:
    """Return the account and Region that were said, if any."""
    return _chosen.get() or Account()
