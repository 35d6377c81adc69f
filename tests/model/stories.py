"""Stories for tests: any, and one with something of everything."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from asg_lifecycle.model.action_story import FORMAT, VERSION, ActionStory
from asg_lifecycle.model.story_parts import LATEST

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "--><svg onload=alert(1)>",
    "]]>&lt;&#60;&amp;",
    "\u202e\u2066\x00\x07\x1b[31m\udfff\ud800\ufeff",
    "https://example.com/<b>",
    "{{7*7}} ${7*7} %s {0}",
]
"""Texts that would do something in a page that does not escape them."""

TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8"), max_size=30))
MOMENTS = st.floats(min_value=0, max_value=LATEST)
ADDRESSES = st.sampled_from(
    [
        "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#x",
        "https://cn-north-1.console.amazonaws.cn/lambda/home?a='\"<>&",
    ]
)


def stories() -> st.SearchStrategy[ActionStory]:
    """Return any story, made of the types of its fields."""
    return _of(ActionStory).map(lambda story: msgspec.structs.replace(story, format=FORMAT, version=VERSION))


def _of(struct: type[msgspec.Struct]) -> st.SearchStrategy[ActionStory]:
    fields = {field.name: _values(msgspec.inspect.type_info(field.type)) for field in msgspec.structs.fields(struct)}
    return st.builds(struct, **fields)  # type: ignore[arg-type]


def _values(kind: msgspec.inspect.Type) -> st.SearchStrategy[object]:  # noqa: C901, PLR0911 - one line a kind
    match kind:
        case msgspec.inspect.UnionType(types):
            return st.one_of(*map(_values, types))
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.FloatType(ge=least, le=most):
            return st.floats(min_value=least, max_value=most)
        case msgspec.inspect.IntType(ge=least, le=most):
            return st.integers(min_value=least, max_value=most)
        case msgspec.inspect.StrType(pattern=None):
            return TEXTS
        case msgspec.inspect.StrType():
            return ADDRESSES
        case msgspec.inspect.EnumType(cls):
            return st.sampled_from(list(cls))
        case msgspec.inspect.VarTupleType(item):
            return st.lists(_values(item), max_size=4).map(tuple)
        case msgspec.inspect.StructType(cls):
            return _of(cls)
    raise TypeError(kind)
