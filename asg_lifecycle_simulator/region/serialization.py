"""moto's answers are made quickly.

For each member of an answer moto tries the names under which a model may have it. Most answers are lists of the same
few shapes, and finding these names anew each time takes most of the time of a run that describes much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.serialize import XFormedAttributePicker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moto.core.serialize import AttributePickerContext


def remembering(find: Callable[[Any, AttributePickerContext], Iterable[str]]) -> Callable[..., tuple[str, ...]]:
    """Return `XFormedAttributePicker.get_possible_keys` so that it finds the names of a member once.

    They depend on the member, on its shape and the one around it, and on the class of the model, never on its values.

    Args:
        find: finds them, as moto does.
    """
    known: dict[tuple[object, ...], tuple[str, ...]] = {}

    def possible_keys(picker: XFormedAttributePicker, context: AttributePickerContext) -> tuple[str, ...]:
        shape: Any = context.shape
        around = getattr(shape, "parent", None)
        place = (
            type(picker),
            tuple(picker.alias_providers),
            type(context.obj),
            context.key,
            context.service_model.service_name if context.service_model is not None else None,
            (shape.name, shape.type_name, shape.serialization.get("name")) if shape is not None else None,
            around.name if around is not None else None,
        )
        if (keys := known.get(place)) is None:
            keys = known[place] = tuple(dict.fromkeys(find(picker, context)))
        return keys

    return possible_keys


POSSIBLE_KEYS = remembering(XFormedAttributePicker.get_possible_keys)
