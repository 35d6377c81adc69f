"""Checkpoints hold typed structs, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext

if TYPE_CHECKING:
    from msgspec import Struct

StructT = TypeVar("StructT", bound="Struct")


class StructSerDes(SerDes[StructT], Generic[StructT]):
    """Writes one kind of struct to the checkpoint log and reads it back."""

    def __init__(self, kind: type[StructT]) -> None:
        self._kind = kind

    def serialize(self, value: StructT, serdes_context: SerDesContext) -> str:
        """Return `value` as JSON."""
        del serdes_context
        return msgspec.json.encode(value).decode()

    def deserialize(self, data: str, serdes_context: SerDesContext) -> StructT:
        """Return the struct that JSON `data` holds."""
        del serdes_context
        return msgspec.json.decode(data, type=self._kind)
