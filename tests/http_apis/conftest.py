from __future__ import annotations

from tests.execution.conftest import testbed

__all__ = ["testbed"]
