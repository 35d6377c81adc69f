"""The values that AWS's own models list."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import botocore.session

if TYPE_CHECKING:
    from botocore.model import ServiceModel


@cache
def model_of(service: str) -> ServiceModel:
    """Return the model of a service; reading EC2's takes a tenth of a second."""
    return botocore.session.get_session().get_service_model(service)


def values_of(service: str, shape: str) -> list[str]:
    """Return the values of one of a service's enumerations."""
    return list(model_of(service).shape_for(shape).enum)  # type: ignore[attr-defined] # of a string shape
