"""Which lifecycle hooks are ours: those with our name prefix that belong to no other system."""

from __future__ import annotations

DEFAULT_HOOK_NAME_PREFIX = "asg-lifecycle"
"""The names of our hooks begin with this unless a deployment says otherwise."""

_OWNERS = {
    "ecs-managed-draining-termination-hook": "Amazon ECS managed instance draining",
    "Launch-LC-Hook": "the Amazon EKS managed node group",
    "Terminate-LC-Hook": "the Amazon EKS managed node group",
}

_OWNERS_BY_PREFIX = {
    # CodeDeploy appends the deployment group's name and an id; its termination hook begins the same way.
    "CodeDeploy-managed-automatic-": "AWS CodeDeploy",
}


def refuse(hook_name: str, prefix: str) -> str | None:
    """Say why a lifecycle hook is not ours.

    The hooks that AWS services install for themselves are refused whatever the prefix: completing them would
    release an instance another system is still working on.

    Args:
        hook_name: the lifecycle hook's name; upper and lower case differ.
        prefix: the names of our hooks begin with it; empty for every hook that no other system is known to own.

    Returns:
        A reason an operator understands, or None when the hook is ours.
    """
    owner = _OWNERS.get(hook_name) or next(
        (owner for start, owner in _OWNERS_BY_PREFIX.items() if hook_name.startswith(start)), None
    )
    if owner is not None:
        return f"hook {hook_name!r} belongs to {owner}"
    if not hook_name.startswith(prefix):
        return f"hook {hook_name!r} does not begin with our prefix {prefix!r}"
    return None
