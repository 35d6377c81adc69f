"""The pytest plugin: the fixture `lifecycle_region`.

pytest loads this wherever the package is installed, so nothing is imported before a test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle_simulator.testing import LifecycleRegion


@pytest.fixture
def lifecycle_region(request: pytest.FixtureRequest) -> Iterator[LifecycleRegion]:
    """A simulated Region with real lifecycle actions, in virtual time; see asg_lifecycle_simulator.testing."""
    try:
        from asg_lifecycle_simulator.testing import LifecycleRegion  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        pytest.fail(
            f"the fixture lifecycle_region needs asg-lifecycle with its extra `simulator`: {error}", pytrace=False
        )
    with LifecycleRegion() as region:
        yield region
        # pytest shows it where the test has failed.
        request.node.add_report_section("teardown", "lifecycle region", region.history())
