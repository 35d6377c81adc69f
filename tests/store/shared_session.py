"""A session of boto3 for all tests that make clients of their own."""

from __future__ import annotations

from functools import cache

from boto3.session import Session


@cache
def shared_session() -> Session:
    """Return the session, whose Region and credentials are those of the environment when it is first asked for.

    A session reads the model of a service once, which takes longer than most tests. Of its clients it keeps nothing.
    """
    return Session()
