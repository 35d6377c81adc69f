"""Plans in files: YAML or JSON, with the line of every problem."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct

from asg_lifecycle.plans.validation import PlanProblem, find_problems, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_PLAN = 8192
"""Bytes that a parameter of Parameter Store holds."""

Path = tuple[str | int, ...]


class PlanFile(Struct, frozen=True, kw_only=True):
    """A file that was read.

    Attributes:
        plan: the plan as JSON values, None when it cannot be used.
        problems: everything that is wrong, each with its line, in the order of the lines.
    """

    plan: dict[str, Any] | None
    problems: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        """The plan as the store keeps it."""
        return json.dumps(self.plan, ensure_ascii=False, separators=(",", ":"))


class _Loader(yaml.SafeLoader):
    """YAML without the types that JSON lacks: a date in a plan is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_plan(text: str) -> PlanFile:
    """Return what is in the text of a plan file."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        plan = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, see above
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        return PlanFile(plan=None, problems=((line, f"is neither YAML nor JSON: {error.problem or error.context}"),))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return PlanFile(plan=None, problems=((1, f"is neither YAML nor JSON: {error}"),))
    if not isinstance(plan, dict):
        found = "empty" if plan is None else kind_of(plan)
        return PlanFile(plan=None, problems=((1, f"is {found}; expected a plan: an object with steps"),))
    lines, duplicates = _lines(node)
    problems = [(_line_of(problem, lines), str(problem)) for problem in (*duplicates, *_not_in_json(plan, ()))]
    if not problems:
        problems = [(_line_of(problem, lines), str(problem)) for problem in find_problems(plan)]
    if not problems and (size := len(json.dumps(plan).encode())) > LARGEST_PLAN:
        problems = [(1, f"has {size} bytes as JSON; a parameter holds {LARGEST_PLAN}")]
    return PlanFile(plan=plan if not problems else None, problems=tuple(sorted(problems)))


def _lines(root: yaml.Node | None) -> tuple[dict[Path, int], list[PlanProblem]]:
    """Return the line of every place in the document, and the names that were given twice."""
    lines: dict[Path, int] = {}
    duplicates: list[PlanProblem] = []
    left: list[tuple[Path, yaml.Node | None]] = [((), root)]
    while left:
        path, node = left.pop()
        if node is None:
            continue
        lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            left += [((*path, index), item) for index, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if name in seen:
                    duplicates.append(PlanProblem((*path, name), f"{name!r} is given twice"))
                seen.add(name)
                lines[*path, name] = key.start_mark.line + 1
                left.append(((*path, name), value))
    return lines, duplicates


def _line_of(problem: PlanProblem, lines: dict[Path, int]) -> int:
    path = problem.path
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _not_in_json(value: object, path: Path) -> Iterator[PlanProblem]:
    """Yield the values that YAML can hold and JSON cannot."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                yield PlanProblem(path, f"{name!r} cannot be a name; put it in quotes")
            else:
                yield from _not_in_json(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_in_json(inner, (*path, index))
    elif not (value is None or isinstance(value, str | int | float | bool)):
        yield PlanProblem(path, f"{value!r} cannot be written in JSON")
