from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def testbed() -> Iterator[Testbed[Deployment]]:
    with Testbed(Deployment) as made:
        yield made
