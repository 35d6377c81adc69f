"""Which other tool owns a group, by its tags."""

from __future__ import annotations

import pytest

from asg_lifecycle.model.group_owner import owner_of

BEANSTALK = {"elasticbeanstalk:environment-id": "e-8jh55e2tug"}
STACK = {"aws:cloudformation:stack-name": "shop"}
NODE_GROUP = {"eks:nodegroup-name": "workers"}


@pytest.mark.parametrize(
    ("tags", "owner"),
    [
        (NODE_GROUP, "EKS (node group workers)"),
        (NODE_GROUP | {"eks:cluster-name": "live"} | STACK, "EKS (node group workers of cluster live)"),
        (BEANSTALK, "Elastic Beanstalk (environment e-8jh55e2tug)"),
        (BEANSTALK | STACK, "Elastic Beanstalk (environment e-8jh55e2tug)"),
        (STACK | {"Terraform": "true"}, "CloudFormation (stack shop)"),
        ({"Terraform": "true"}, "Terraform (tag Terraform=true)"),
        ({"terraform": "shop/web"}, "Terraform (tag terraform=shop/web)"),
        ({"managed-by": "terraform"}, "Terraform (tag managed-by=terraform)"),
        ({"Managed_By": "OpenTofu 1.9"}, "Terraform (tag Managed_By=OpenTofu 1.9)"),
        ({"Provisioner": "Terraform"}, "Terraform (tag Provisioner=Terraform)"),
    ],
)
def test_owners(tags: dict[str, str], owner: str) -> None:
    assert str(owner_of(tags)) == owner


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"Name": "web", "team": "shop"},
        {"Terraform": "false"},
        {"terraform": ""},
        {"ManagedBy": "hand"},
        {"team": "terraform"},
        {"not-terraform": "true"},
        {"eks:cluster-name": "live"},
        {"aws:cloudformation:logical-id": "WebGroup"},
    ],
)
def test_what_names_no_owner(tags: dict[str, str]) -> None:
    assert owner_of(tags) is None
