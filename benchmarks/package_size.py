"""How large the package is that `sam build` makes, and how much of it an ordinary drain imports."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.coldstart import SOURCE, environment

BUILT = Path(__file__).resolve().parents[1] / ".aws-sam" / "build" / "LifecycleActionFunction"

IMPORTS = """\
import sys
from handlers import lifecycle_action
lifecycle_action.lifecycle_dependencies()
print(sum(getattr(module, "__file__", None) is not None for module in sys.modules.values()))
"""

MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class PackageSize:
    """The package.

    Attributes:
        zipped: megabytes.
        unpacked: megabytes.
        imported: files that are loaded before an ordinary drain begins.
    """

    zipped: float
    unpacked: float
    imported: int


def measure() -> PackageSize | None:
    """Return the size of the built package, None where none is built."""
    files = [path for path in BUILT.rglob("*") if path.is_file()]
    if not files:
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(BUILT))
    imported = subprocess.run(  # noqa: S603 - this interpreter, on the program above
        [sys.executable, "-c", IMPORTS],
        env=environment() | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return PackageSize(
        zipped=len(packed.getvalue()) / MEGABYTE,
        unpacked=sum(path.stat().st_size for path in files) / MEGABYTE,
        imported=int(imported.stdout),
    )
