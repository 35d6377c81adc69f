"""The instances of moto's EC2, by id. moto's own search copies every reservation for each id it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance


def instances_by_id(backend: EC2Backend) -> dict[str, Instance]:
    """Return all instances of a region, terminated ones too."""
    return {each.id: each for reservation in tuple(backend.reservations.values()) for each in reservation.instances}
