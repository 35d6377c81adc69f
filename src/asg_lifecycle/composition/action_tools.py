"""Puts together what the commands about actions work with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.store.record_queries import RecordQueries

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class ActionTools:
    """The actions of a stack.

    Attributes:
        records: reads the records.
        clock: seconds since the epoch.
    """

    records: RecordQueries
    clock: Callable[[], float]


def compose_action_tools(table: str, clock: Callable[[], float] = time.time) -> ActionTools:
    """Return the parts. Nothing is called yet.

    Args:
        table: name of the table of records.
        clock: seconds since the epoch.
    """
    return ActionTools(records=RecordQueries(Clients(), table), clock=clock)
