"""Plans in files: YAML or JSON, with the line of every problem."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct

from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.plans.transitions import transition_of
from asg_lifecycle.plans.validation import PlanProblem, find_problems, find_warnings, kind_of
from asg_lifecycle.plans.value_problems import path_text

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_PLAN = 8192
"""Bytes that a parameter of Parameter Store holds."""

LARGEST_FILE = 256 * 1024
"""Characters of a plan file, comments included. Reading YAML takes seconds for each megabyte."""

UNSETTLED = (
    "no step says which hooks the plan is for; add a line 'transition: launch' or 'transition: terminate', "
    "because a plan is for one kind of hook alone"
)

NEVER_TEXT = (
    "unknown ",
    "expected a number",
    "expected a whole number",
    "expected a list",
    "expected an object",
    "expected true or false",
)
"""What sentences say of a place where no text is wanted."""

Path = tuple[str | int, ...]


class PlanFile(Struct, frozen=True, kw_only=True):
    """A file that was read.

    Attributes:
        plan: the plan as JSON values, None when it cannot be used.
        problems: everything that is wrong, each with its line, in the order of the lines.
        transition: the hooks that it is for, None when it cannot be used.
        warnings: what is probably not meant in a plan that can be used, each with its line.
    """

    plan: dict[str, Any] | None
    problems: tuple[tuple[int, str], ...]
    transition: PlanTransition | None = None
    warnings: tuple[tuple[int, str], ...] = ()

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


def read_plan(text: str, transition: PlanTransition | None = None) -> PlanFile:
    """Return what is in the text of a plan file.

    Args:
        text: the text.
        transition: of the hooks that the plan is for, None where the plan has to settle it.
    """
    if len(text) > LARGEST_FILE:
        return _unreadable(1, f"has {len(text)} characters; a plan file has {LARGEST_FILE} at most")
    try:
        node = yaml.compose(text, Loader=_Loader)
        if (refused := _refused_alias(node)) is not None:
            return _unreadable(*refused)
        plan = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, see above  # nosec B506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        return _unreadable(line, f"is neither YAML nor JSON: {_in_words(error, text, line)}")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return _unreadable(1, f"is neither YAML nor JSON: {error}")
    if not isinstance(plan, dict):
        found = "empty" if plan is None else kind_of(plan)
        return PlanFile(plan=None, problems=((1, f"is {found}; expected a plan: an object with steps"),))
    return _checked(plan, node, transition)


def _checked(plan: dict[str, Any], node: yaml.Node | None, transition: PlanTransition | None) -> PlanFile:
    """Return a plan that was read, with everything that is wrong with it."""
    lines, duplicates = _lines(node)
    problems = [(_line_of(problem, lines), str(problem)) for problem in (*duplicates, *_not_in_json(plan, ()))]
    if not problems:
        written = _written(node)
        problems = [
            (_line_of(problem, lines), _with_place(problem, written)) for problem in find_problems(plan, transition)
        ]
    if not problems and (size := len(json.dumps(plan).encode())) > LARGEST_PLAN:
        problems = [(1, f"has {size} bytes as JSON; a parameter holds {LARGEST_PLAN}")]
    settled = transition or (transition_of(plan) if not problems else None)
    if not problems and settled is None:
        problems = [(1, UNSETTLED)]
    if problems:
        return PlanFile(plan=None, problems=tuple(sorted(problems)))
    warnings = [(_line_of(warning, lines), _with_place(warning, {})) for warning in find_warnings(plan)]
    return PlanFile(plan=plan, problems=(), transition=settled, warnings=tuple(sorted(warnings)))


def _unreadable(line: int, sentence: str) -> PlanFile:
    return PlanFile(plan=None, problems=((line, sentence),))


def _in_words(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """Return what is wrong with the YAML, and the quotes that would mend what is often left without them."""
    place = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    problem = str(error.problem or error.context)
    if "{{" in place:
        return "'{{' begins an object in YAML; put the text in quotes, or fill in the template before"
    if error.context == "while scanning an alias" or "undefined alias" in problem:
        return "'*' begins an alias in YAML; put a text that begins with it in quotes: '*.example.com'"
    if "'\\t'" in problem:
        return "YAML takes no tab here; write spaces"
    if "cannot start any token" in problem:
        return f"{problem}; put a text that begins with it in quotes"
    return problem


def _refused_alias(root: yaml.Node | None) -> tuple[int, str] | None:
    """Return the line of an alias that contains itself, or that multiplies what it stands for, and what is wrong.

    Every value takes a character of JSON at least, so what holds more values than a plan has bytes is no plan.

    Raises:
        RecursionError: it is nested too deeply.
    """
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def refused(node: yaml.Node | None) -> tuple[int, str] | None:
        if not isinstance(node, yaml.CollectionNode) or id(node) in sizes:
            return None
        line = node.start_mark.line + 1
        if id(node) in open_nodes:
            return line, "an alias contains itself; write out what is meant"
        open_nodes.add(id(node))
        parts = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
        for part in parts:
            if (found := refused(part)) is not None:
                return found
        open_nodes.remove(id(node))
        size = sizes[id(node)] = 1 + sum(sizes.get(id(part), 1) for part in parts)
        if size > LARGEST_PLAN and size > len(sizes) + len(parts):
            return line, f"more than {LARGEST_PLAN} values, once its aliases are written out; write fewer aliases"
        return None

    return refused(root)


def _written(root: yaml.Node | None) -> dict[Path, str]:
    """Return the text of every value without quotes that YAML reads as something else than text."""
    written: dict[Path, str] = {}
    left: list[tuple[Path, yaml.Node | None]] = [((), root)]
    while left:
        path, node = left.pop()
        if isinstance(node, yaml.SequenceNode):
            left += [((*path, index), item) for index, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            left += [((*path, str(key.value)), value) for key, value in node.value]
        elif isinstance(node, yaml.ScalarNode) and node.style is None and node.tag != "tag:yaml.org,2002:str":
            written[path] = node.value
    return written


def _with_place(problem: PlanProblem, written: dict[Path, str]) -> str:
    """Return the problem with its path, and with what the file has there where YAML reads it as something else."""
    sentence = str(problem)
    text = written.get(problem.path)
    if text is not None and not any(said in sentence for said in NEVER_TEXT):
        sentence += f"; {text!r} without quotes is no text in YAML"
    return f"{sentence} (at {path_text(problem.path)})" if problem.path else sentence


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
