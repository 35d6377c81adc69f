"""The pytest plugin: the fixture `lifecycle_region`.

pytest loads this wherever the package is installed, so nothing is imported before a test asks for the fixture.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle_simulator.testing import LifecycleRegion


MOTO = "moto.core"
"""boto3 clients that are made when this has been imported talk to the simulated Region while there is one."""


def _real_clients() -> list[str]:
    """Return the services of the boto3 clients that were made too early to be the Region's."""
    botocore = sys.modules.get("botocore.client")
    if botocore is None or MOTO in sys.modules:
        return []
    made = [each for each in gc.get_objects() if isinstance(each, botocore.BaseClient)]
    return sorted({each.meta.service_model.service_name for each in made})


@pytest.fixture
def lifecycle_region(request: pytest.FixtureRequest) -> Iterator[LifecycleRegion]:
    """A simulated Region with real lifecycle actions, in virtual time; see asg_lifecycle_simulator.testing."""
    if real := _real_clients():
        pytest.fail(
            f"a boto3 client ({', '.join(real)}) was made before the simulated Region and would talk to AWS: "
            "let lifecycle_region.deploy import the handler, or see docs/simulator.md",
            pytrace=False,
        )
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
