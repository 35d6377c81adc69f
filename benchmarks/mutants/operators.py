"""The single changes that can be made to one module: each is a piece of its text and what takes its place.

Left out is what no test could notice, or what is not behaviour: docstrings, annotations, imports, sentences for people
(strings with a space), and `frozen`, `kw_only` and `slots` of classes, which the type checker holds.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
HELD_BY_TYPES = frozenset({"frozen", "kw_only", "slots"})


@dataclass(frozen=True, kw_only=True, order=True)
class Mutant:
    """One change of one module.

    Attributes:
        file: path of the module below the root of the repository.
        start: where the piece begins, a character of the text.
        end: where it ends.
        old: the piece.
        new: what takes its place.
        line: on which it begins, from 1.
        function: the function around it, `Class.method`, or the class; empty outside of both.
        context: the line it begins on.
    """

    file: str
    start: int
    end: int
    old: str
    new: str
    line: int
    function: str
    context: str

    def apply(self, text: str) -> str:
        """Return the module's text with the change made."""
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self) -> str:
        """Return it on one line."""
        old, new = (" ".join(piece.split()) for piece in (self.old, self.new))
        return f"{self.file}:{self.line}: {old} → {new or '(removed)'}    [{self.context}]"


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Return every change that can be made to a module, in the order of its text.

    Args:
        file: path of the module below the root of the repository.
        text: what stands in it.
    """
    return sorted({mutant for mutant in _Mutants(file, text).found() if mutant.old != mutant.new})


def is_program(text: str) -> bool:
    """Return whether a module with this text can be imported: a few changes leave none."""
    try:
        compile(text, "<mutant>", "exec")
    except SyntaxError:
        return False
    return True


class _Mutants:
    """Walks one module."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._encoded = [line.encode() for line in text.splitlines(keepends=True)]

    def found(self) -> Iterator[Mutant]:
        yield from self._block(ast.parse(self._text).body, "")

    def _at(self, line: int, byte: int) -> int:
        """Return the character at which a position of the syntax tree, which counts bytes, is."""
        return self._lines[line - 1] + len(self._encoded[line - 1][:byte].decode())

    def _span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        if node.end_lineno is None or node.end_col_offset is None:
            raise ValueError("a node without an end was not parsed from a text")
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset)

    def _source(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._span(node)
        return self._text[start:end]

    def _change(self, start: int, end: int, new: str, function: str) -> Mutant:
        line = self._text.count("\n", 0, start) + 1
        old = self._text[start:end]
        context = self._text[self._lines[line - 1] : self._lines[line]].strip()
        return Mutant(
            file=self._file, start=start, end=end, old=old, new=new, line=line, function=function, context=context
        )

    def _replace(self, node: ast.expr | ast.stmt, new: str, function: str) -> Mutant:
        return self._change(*self._span(node), new, function)

    def _block(self, body: list[ast.stmt], function: str) -> Iterator[Mutant]:
        for statement in body:
            yield from self._statement(statement, function)

    def _statement(self, node: ast.stmt, function: str) -> Iterator[Mutant]:  # noqa: C901 - one case a kind of statement
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                return
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._function(node, f"{function}.{node.name}".lstrip("."))
                return
            case ast.ClassDef():
                yield from self._class(node, f"{function}.{node.name}".lstrip("."))
                return
            case ast.Expr(value=ast.Call()) | ast.AugAssign():
                yield self._replace(node, "pass", function)
            case ast.Raise() if node.exc is not None:
                yield self._replace(node, "pass", function)
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield self._replace(value, "None", function)
            case ast.Continue():
                yield self._replace(node, "break", function)
            case ast.Break():
                yield self._replace(node, "continue", function)
            case ast.If() | ast.While():
                yield self._negated(node.test, function)
            case _:
                pass
        for child in _children(node):
            yield from self._any(child, function)

    def _any(self, child: ast.AST, function: str) -> Iterator[Mutant]:  # noqa: C901 - one case a kind of node
        match child:
            case ast.stmt():
                yield from self._statement(child, function)
            case ast.expr():
                yield from self._expression(child, function)
            case ast.match_case():
                if child.guard is not None:
                    yield self._negated(child.guard, function)
                for below in ast.iter_child_nodes(child):
                    yield from self._any(below, function)
            case ast.comprehension():
                for condition in child.ifs:
                    yield self._negated(condition, function)
                for below in ast.iter_child_nodes(child):
                    yield from self._any(below, function)
            case ast.keyword() if child.arg in HELD_BY_TYPES:
                return
            case _:
                for below in ast.iter_child_nodes(child):
                    yield from self._any(below, function)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, function: str) -> Iterator[Mutant]:
        outside = function.rpartition(".")[0]
        for decorator in node.decorator_list:
            yield from self._expression(decorator, outside)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                yield from self._expression(default, function)
        yield from self._block(node.body, function)

    def _class(self, node: ast.ClassDef, function: str) -> Iterator[Mutant]:
        for decorator in node.decorator_list:
            yield from self._expression(decorator, function.rpartition(".")[0])
        for keyword in node.keywords:
            yield from self._any(keyword, function.rpartition(".")[0])
        yield from self._block(node.body, function)

    def _negated(self, test: ast.expr, function: str) -> Mutant:
        return self._replace(test, f"not ({self._source(test)})", function)

    def _expression(self, node: ast.expr, function: str) -> Iterator[Mutant]:  # noqa: C901, PLR0912 - one case a kind of change
        match node:
            case ast.JoinedStr():
                # Of a sentence with values in it the values alone can be wrong.
                for part in node.values:
                    if isinstance(part, ast.FormattedValue):
                        yield from self._expression(part.value, function)
                return
            case ast.Constant():
                yield from self._constant(node, function)
            case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
                old, new = COMPARISONS[type(operator)]
                yield from self._operator(node.left, node.comparators[0], old, new, function)
            case ast.BinOp() if type(node.op) in ARITHMETIC:
                yield from self._operator(node.left, node.right, *ARITHMETIC[type(node.op)], function)
            case ast.BoolOp():
                old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield from self._operator(left, right, old, new, function)
            case ast.UnaryOp(op=ast.Not()):
                yield self._replace(node, f"({self._source(node.operand)})", function)
            case ast.UnaryOp(op=ast.USub()):
                yield self._replace(node, self._source(node.operand), function)
            case ast.IfExp():
                body, other = self._source(node.body), self._source(node.orelse)
                yield self._replace(node, f"({other} if {self._source(node.test)} else {body})", function)
            case ast.Call():
                yield from self._call(node, function)
            case ast.Lambda():
                yield from self._expression(node.body, function)
                return
            case _:
                pass
        for child in _children(node):
            yield from self._any(child, function)

    def _constant(self, node: ast.Constant, function: str) -> Iterator[Mutant]:
        match node.value:
            case bool():
                yield self._replace(node, str(not node.value), function)
            case int():
                yield self._replace(node, repr(node.value + 1), function)
                yield self._replace(node, repr(node.value - 1), function)
            case float():
                # Seconds, mostly: one more of sixty is not wrong, twice as many are.
                yield self._replace(node, repr(node.value * 2 or 1.0), function)
                yield self._replace(node, repr(node.value / 2 or -1.0), function)
            case str() if " " not in node.value and "\n" not in self._source(node):
                yield self._replace(node, repr(f"{node.value}x"), function)
                if node.value:
                    yield self._replace(node, '""', function)
            case _:
                pass

    def _operator(self, left: ast.expr, right: ast.expr, old: str, new: str, function: str) -> Iterator[Mutant]:
        start, end = self._span(left)[1], self._span(right)[0]
        # Parentheses, comments and line breaks may stand beside the operator.
        pattern = re.compile(r"\s+".join(re.escape(word) for word in old.split()))
        if (found := pattern.search(self._text, start, end)) is not None:
            yield self._change(found.start(), found.end(), new, function)

    def _call(self, node: ast.Call, function: str) -> Iterator[Mutant]:
        if isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield self._replace(node.func, CALLS[node.func.id], function)
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in HELD_BY_TYPES:
                continue
            start, end = self._span(keyword)
            comma = re.compile(r"\s*,").match(self._text, end)
            yield self._change(start, comma.end() if comma else end, "", function)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below a node, annotations left out."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
