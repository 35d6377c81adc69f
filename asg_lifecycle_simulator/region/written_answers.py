"""moto's answers, looked up and written as XML with as little work as it takes. What comes out is the same."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from moto.core import serialize
from moto.core.serialize import AttributePicker
from moto.core.utils import get_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moto.core.serialize import AttributePickerContext

HEADER = '<?xml version="1.0" encoding="utf-8"?>\n'
ATTRIBUTE, TEXT, COMMENT = "@", "#text", "#comment"


class _UnusualError(Exception):
    """A document holds what only xmltodict knows how to write."""


def write_answers_faster(replace: Callable[[object, str, object], None]) -> None:
    """Take the functions below in place of moto's.

    Args:
        replace: sets an attribute of an object until the region is left.
    """
    replace(serialize, "xmltodict", SimpleNamespace(unparse=_document))
    replace(serialize, "get_value", _value)
    replace(AttributePicker, "__call__", _picked)


def _value(source: Any, key: int | str, default: Any) -> Any:  # noqa: ANN401 - moto has no types for them
    """Return the value under a key, as moto finds it; nearly always it is that of a dict."""
    if type(source) is dict and type(key) is str and "." not in key:
        return source.get(key, default)
    return VALUE(source, key, default)


def _picked(picker: Any, context: AttributePickerContext) -> Any:  # noqa: ANN401 - as above
    """Return the value of a member, as moto picks it: what is to become of it is looked up once for each place."""
    value = None
    for key in picker.get_possible_keys(context):
        found = _value(context.obj, key, MISSING)
        if found is not MISSING:
            value = found
            break
    if transformers := picker.response_transformers:
        place = (id(transformers), len(transformers), context.key_path, context.key)
        if place not in TRANSFORMS:
            path = f"{context.key_path}.{context.key}"
            transform = next((each for end, each in transformers.items() if path.endswith(end)), None)
            # They are kept, too, so that no others get their id.
            TRANSFORMS[place] = transform, transformers
        if (transform := TRANSFORMS[place][0]) is not None:
            value = transform(value)
    return value


def _document(body: dict[str, Any], *, full_document: bool, pretty: bool, short_empty_elements: bool) -> str:
    """Return a document as `xmltodict.unparse` writes it."""
    try:
        if not pretty:
            return _written(body, full_document=full_document, short=short_empty_elements)
    except _UnusualError:
        pass
    document: str = XMLTODICT.unparse(
        body, full_document=full_document, pretty=pretty, short_empty_elements=short_empty_elements
    )
    return document


def _written(body: dict[str, Any], *, full_document: bool, short: bool) -> str:
    if full_document and (len(body) != 1 or any(map(_is_list, body.values()))):
        raise _UnusualError
    elements = (element for name, content in body.items() for element in _elements(name, content, short=short))
    return (HEADER if full_document else "") + "".join(elements)


def _elements(name: Any, content: Any, *, short: bool) -> Iterator[str]:  # noqa: ANN401 - as above
    if not _is_name(name):
        raise _UnusualError
    for each in content if _is_list(content) else (content,):
        attributes, children, text = _parts(each)
        if not (children or text):
            yield f"<{name}{attributes}/>" if short else f"<{name}{attributes}></{name}>"
            continue
        yield f"<{name}{attributes}>"
        for key, value in children:
            yield from _elements(key, value, short=short)
        yield f"{escape(text)}</{name}>"


def _parts(content: object) -> tuple[str, list[tuple[Any, Any]], str]:
    """Return an element's attributes as they are written, what is below it, and its text."""
    attributes, children, text = "", [], ""
    for key, value in content.items() if isinstance(content, dict) else ((TEXT, content),):
        if key == TEXT:
            text = "" if value is None else _text(value)
        elif isinstance(key, str) and key.startswith(ATTRIBUTE):
            if not (isinstance(value, str) and _is_name(key[1:])):
                raise _UnusualError
            attributes += f" {key[1:]}={quoteattr(value)}"
        elif value or not isinstance(value, list):
            children.append((key, value))
    return attributes, children, text


def _is_list(content: object) -> bool:
    if isinstance(content, str | bytes | bytearray | memoryview | dict):
        return False
    if isinstance(content, list | tuple):
        return True
    if hasattr(content, "__iter__"):
        raise _UnusualError
    return False


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _UnusualError


@cache
def _is_name(name: object) -> bool:
    """Return whether a name is one that xmltodict writes as it is."""
    if not isinstance(name, str) or name == COMMENT:
        return False
    try:
        CHECK_NAME(name, "element")
    except ValueError:
        return False
    return True


TRANSFORMS: dict[tuple[int, int, str, str], tuple[Callable[[Any], Any] | None, object]] = {}
MISSING: Any = vars(serialize)["MISSING"]
VALUE = get_value
XMLTODICT: Any = vars(serialize)["xmltodict"]
CHECK_NAME: Any = vars(XMLTODICT)["_validate_name"]
