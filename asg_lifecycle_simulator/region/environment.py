"""The process environment in which boto3 finds the simulated region and nothing else."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterator

FORGOTTEN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "SIMULATED", "AWS_SECRET_ACCESS_KEY": "simulated"}
ENDPOINTS = "AWS_ENDPOINT_URL"


@contextmanager
def region_environment(name: str, account: str) -> Iterator[None]:
    """Set fake credentials, the region and the account; put everything back as it was afterwards.

    Args:
        name: the region's name.
        account: the account that moto's services answer for.
    """
    before = dict(os.environ)
    for variable in before:
        if variable in FORGOTTEN or variable.startswith(ENDPOINTS):
            del os.environ[variable]
    os.environ |= {
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": name,
        "AWS_REGION": name,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_ACCOUNT_ID": account,
        # Hundreds of machine images nobody asks for, made anew for every region.
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    }
    try:
        yield
    finally:
        for variable in set(os.environ) - set(before):
            del os.environ[variable]
        os.environ |= before


@cache
def session(name: str) -> Any:  # noqa: ANN401 - so that its clients can be made by name
    """Return a session for the region `name`; it reads the models of the services once for all regions of a run."""
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=name,
    )


@cache
def client(name: str, service: str) -> Any:  # noqa: ANN401 - boto3 picks the type by the name
    """Return the boto3 client of `service` in the region `name` that all regions of a run arrange and read with.

    It keeps nothing from one region to the next: its retries have no budget of their own.
    """
    return session(name).client(service)
