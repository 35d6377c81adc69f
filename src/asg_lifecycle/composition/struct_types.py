"""Makes every struct type ready to be decoded, before there is a second thread.

msgspec builds what it has to know of a type's fields when the type is decoded, or converted to, for the first time. It
stores this on the type before it is complete, and reads the annotations of the fields in between. A second thread that
uses the type then reads a field that is not there yet, and the process dies (SIGSEGV; msgspec 0.22.0,
`StructInfo_Convert`). The branches of a race are threads, and after a cold start every type is used for the first time.

What is ready stays ready: msgspec keeps it with the type for as long as the process lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

# Loaded with the first Kubernetes cluster otherwise, which a branch opens.
import asg_lifecycle.kubernetes.objects  # noqa: F401 - imported for the types it defines

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "asg_lifecycle."


def make_struct_types_ready() -> None:
    """Make every struct type of the application that is loaded ready for any thread. It may be repeated.

    Raises:
        NameError: a field's annotation names what its module imports for type checking only.
        TypeError: msgspec cannot decode a field's type.
    """
    for struct in struct_types():
        msgspec.json.Decoder(struct)


def struct_types() -> Iterator[type[msgspec.Struct]]:
    """Yield every struct type of the application that is loaded, those that only others are based on included."""
    left: list[type[msgspec.Struct]] = [msgspec.Struct]
    while left:
        for struct in left.pop().__subclasses__():
            left.append(struct)
            if struct.__module__.startswith(PACKAGE):
                yield struct
