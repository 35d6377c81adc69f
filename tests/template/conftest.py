from __future__ import annotations

import pytest

from tests.template.expanded import Expanded, expand, source


@pytest.fixture(scope="session")
def expanded() -> Expanded:
    return expand(source())
