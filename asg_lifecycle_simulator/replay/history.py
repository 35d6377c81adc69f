"""What is kept of a durable execution: its state at every moment at which its handler was invoked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Tree = dict[str, Any]
"""A JSON object."""


class Moment(Struct, frozen=True, kw_only=True):
    """What has changed since the moment before, as JSON merge patches (RFC 7396).

    Attributes:
        time: seconds since the epoch.
        operations: the durable operations by id, as Lambda hands them to the handler.
        table: the items of the table by key, as DynamoDB writes them.
    """

    time: float
    operations: Tree
    table: Tree = {}


class RecordedExecution(Struct, frozen=True, kw_only=True):
    """One durable execution.

    Attributes:
        arn: its ARN; callback ids are made of it.
        name: its name.
        status: `SUCCEEDED`, `FAILED`, `STOPPED` or `TIMED_OUT`.
        outcome: what the handler returned, None unless it succeeded.
        moments: one for each invocation of the handler, before it, and one at the end.
    """

    arn: str
    name: str
    status: str
    outcome: Tree | None
    moments: tuple[Moment, ...]


class History(Struct, frozen=True, kw_only=True):
    """One scenario and the executions that came of it, in the order in which they were started.

    Attributes:
        scenario: its name, which the files call `play`.
        about: what happens in it.
        executions: the executions.
    """

    scenario: str = field(name="play")
    about: str
    executions: tuple[RecordedExecution, ...]


class State(Struct, frozen=True, kw_only=True):
    """An execution at one moment. The fields are as in `Moment`, whole."""

    time: float
    operations: Tree
    table: Tree


def states(execution: RecordedExecution) -> Iterator[State]:
    """Yield the execution's state at each of its moments."""
    operations: Tree = {}
    table: Tree = {}
    for moment in execution.moments:
        operations = merged(operations, moment.operations)
        table = merged(table, moment.table)
        yield State(time=moment.time, operations=operations, table=table)


def moments(snapshots: list[State]) -> tuple[Moment, ...]:
    """Return the moments that `states` makes `snapshots` of."""
    empty = State(time=0.0, operations={}, table={})
    return tuple(
        Moment(
            time=after.time,
            operations=difference(before.operations, after.operations),
            table=difference(before.table, after.table),
        )
        for before, after in zip([empty, *snapshots], snapshots, strict=False)
    )


def merged(target: Tree, patch: Tree) -> Tree:
    """Apply a JSON merge patch and return the result."""
    result = {name: value for name, value in target.items() if name not in patch or patch[name] is not None}
    for name, value in patch.items():
        if isinstance(value, dict):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            result[name] = value
    return result


def difference(before: Tree, after: Tree) -> Tree:
    """Return the JSON merge patch that leads from `before` to `after`, neither of which may hold a null."""
    patch: Tree = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = difference(old, value)
            if inner:
                patch[name] = inner
        elif old != value:
            patch[name] = value
    return patch


def read(path: Path) -> History:
    """Return the history in a file.

    Raises:
        msgspec.ValidationError: the file holds none.
    """
    return msgspec.json.decode(path.read_bytes(), type=History)


def written(history: History) -> str:
    """Return the text of a history's file: one moment a line, so that it is small and its changes can be read."""
    plain = msgspec.to_builtins(history)
    executions = []
    for execution in plain.pop("executions"):
        lines = ",\n".join(f"   {_line(moment)}" for moment in execution.pop("moments"))
        executions.append(f'  {_line(execution)[:-1]},"moments":[\n{lines}\n  ]}}')
    return f'{_line(plain)[:-1]},"executions":[\n' + ",\n".join(executions) + "\n]}\n"


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
