"""Which other tool owns an Auto Scaling group, as far as its tags tell: pure decisions."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

EKS_NODE_GROUP_TAG = "eks:nodegroup-name"
EKS_CLUSTER_TAG = "eks:cluster-name"
BEANSTALK_TAGS = ("elasticbeanstalk:environment-name", "elasticbeanstalk:environment-id")
STACK_TAG = "aws:cloudformation:stack-name"
LOGICAL_ID_TAG = "aws:cloudformation:logical-id"

TERRAFORM = re.compile(r"terraform|opentofu|terragrunt", re.IGNORECASE)
SAYS_WHO_MANAGES = frozenset({"managedby", "createdby", "provisionedby", "provisioner", "deployedby", "iac"})
"""Keys, without punctuation and in lower case, under which teams write down what manages a resource."""

NO = frozenset({"false", "no", "0", ""})


class OwnerKind(StrEnum):
    """A tool that makes Auto Scaling groups."""

    EKS = "EKS"
    BEANSTALK = "Elastic Beanstalk"
    CLOUDFORMATION = "CloudFormation"
    TERRAFORM = "Terraform"


class GroupOwner(Struct, frozen=True, kw_only=True):
    """A tool that owns a group.

    Attributes:
        kind: which tool.
        name: what of it, for people: `node group workers of cluster production`.
        undoes: what becomes of a change that was made past it.
    """

    kind: OwnerKind
    name: str
    undoes: str

    def __str__(self) -> str:
        """Return the tool and what of it."""
        return f"{self.kind} ({self.name})"


def owner_of(tags: Mapping[str, str]) -> GroupOwner | None:
    """Return the tool that owns a group, None where its tags name none.

    EKS and Elastic Beanstalk come before CloudFormation, with which Elastic Beanstalk makes its groups. Terraform
    leaves no tag of its own: only tags that teams write by convention tell of it.

    Args:
        tags: of the group.
    """
    if EKS_NODE_GROUP_TAG in tags:
        cluster = f" of cluster {tags[EKS_CLUSTER_TAG]}" if EKS_CLUSTER_TAG in tags else ""
        return GroupOwner(
            kind=OwnerKind.EKS,
            name=f"node group {tags[EKS_NODE_GROUP_TAG]}{cluster}",
            undoes="EKS puts hooks of its own on the group and may replace it with an update of the node group",
        )
    environment = next((tags[tag] for tag in BEANSTALK_TAGS if tag in tags), None)
    if environment is not None:
        return GroupOwner(
            kind=OwnerKind.BEANSTALK,
            name=f"environment {environment}",
            undoes="an update of the environment may replace the group, and the hook with it",
        )
    if STACK_TAG in tags:
        return GroupOwner(
            kind=OwnerKind.CLOUDFORMATION,
            name=f"stack {tags[STACK_TAG]}",
            undoes="the stack does not know of the hook, and an update that replaces the group loses it",
        )
    said = next((f"tag {key}={value}" for key, value in sorted(tags.items()) if _means_terraform(key, value)), None)
    if said is not None:
        return GroupOwner(
            kind=OwnerKind.TERRAFORM,
            name=said,
            undoes="Terraform does not know of the hook, and one that replaces the group loses it",
        )
    return None


def _means_terraform(key: str, value: str) -> bool:
    plain = re.sub(r"[^a-z]", "", key.lower())
    if TERRAFORM.fullmatch(plain):
        return value.strip().lower() not in NO
    return plain in SAYS_WHO_MANAGES and TERRAFORM.search(value) is not None
