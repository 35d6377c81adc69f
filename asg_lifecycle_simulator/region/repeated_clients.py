"""Clients and sessions of boto3 that are made once for what decides about them; making a client takes longest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DECIDING = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_PROFILE")
"""The variables of the environment that a client takes something from."""


def once_for_settings(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return `boto3.client` so that it makes one client for a service, its settings and the environment.

    A client keeps nothing of the requests it made but its pace, and in virtual time that is not kept to.

    Args:
        make: makes a client, as `boto3.client` or the method of a session does.
    """
    known: dict[tuple[object, ...], tuple[object, object]] = {}

    def client(service: str, *, config: object = None, **named: object) -> object:
        if named:
            return make(service, config=config, **named)
        key = (service, id(config), *_environment())
        if key not in known:
            # The settings are kept, too, so that no others get their id.
            known[key] = (make(service, config=config), config)
        return known[key][0]

    return client


def once_for_account(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return `boto3.Session` so that it makes one session for a Region and the environment, with clients made once.

    A session with a profile or with credentials of its own is always made anew: what they stand for may change.

    Args:
        make: makes a session.
    """
    known: dict[tuple[object, ...], Any] = {}

    def session(*, profile_name: str | None = None, region_name: str | None = None, **named: object) -> object:
        if named or profile_name is not None:
            return make(profile_name=profile_name, region_name=region_name, **named)
        key = (region_name, *_environment())
        if key not in known:
            known[key] = made = make(region_name=region_name)
            made.client = once_for_settings(made.client)
        return known[key]

    return session


def _environment() -> tuple[str | None, ...]:
    return tuple(os.environ.get(name) for name in DECIDING)
