"""The step kind `create-image`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Failed, StepAnswer
from asg_lifecycle.model.redaction import redacted
from asg_lifecycle.model.snapshots import ACTION_TAG, Stage, image_name, image_stage
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.snapshot_texts import LOST_AFTER, POLL_INTERVAL, Tags, description_of, key_of, tags_of

if TYPE_CHECKING:
    from asg_lifecycle.model.snapshots import Image
    from asg_lifecycle.steps.base import Target


class CreateImageOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the image is called, and how far it is waited for."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            description="What its name begins with, with placeholders. The token of the action and the step's position "
            "follow; what no name may have becomes a hyphen.",
        ),
    ] = "{group} {instance}"
    reboot: Annotated[
        bool, Meta(description="EC2 reboots the instance first, which leaves its file systems consistent.")
    ] = False
    wait: Annotated[
        bool,
        Meta(
            description="Until the image is available. With `false` only until EC2 has accepted it: it fails then if "
            "the instance is terminated before it is made."
        ),
    ] = True
    tags: Annotated[
        Tags, Meta(description="Tags of the image and its snapshots, with placeholders in their values.")
    ] = {}
    description: Annotated[str | None, Meta(description="Of the image, with placeholders.")] = None


class CreateImageState(Struct, frozen=True, kw_only=True):
    """What is known of the image.

    Attributes:
        image: its id, None before EC2 has answered with it.
        since: when it was asked for, or answered with.
    """

    image: str | None
    since: float


class CreateImage(StatefulStep[CreateImageOptions, CreateImageState]):
    """Make an image (AMI) of the instance before it goes, and wait until it is available.

    The instance is not rebooted unless the plan says `reboot: true`. Without a reboot EC2 does not promise that file
    systems are consistent: stop what writes with a step before.

    The name of an image is its own, so a call that is repeated makes no second one: the name ends with the token of
    the action and the step's position. The image and its snapshots have the tags `asg-lifecycle:action`,
    `asg-lifecycle:group` and `asg-lifecycle:instance`. An image that fails, or that somebody deletes, fails the step.
    """

    kind = "create-image"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"name": "{group} {instance}", "tags": {"Team": "{tag:Team}"}}
    permissions = ("ec2:CreateImage", "ec2:CreateTags", "ec2:DescribeImages")
    template_parameter = "SnapshotSteps"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say how the image would be called."""
        name = self._name(target)
        # What cannot be filled in fails the trial as it would fail the step.
        tags_of(target, self._options.tags)
        description_of(target, self._options.description)
        if self._services.images.named(name):
            return f"there is an image {name!r} already"
        reboot = "after a reboot of it" if self._options.reboot else "without a reboot"
        until = "available" if self._options.wait else "accepted"
        return f"would make image {name!r} of instance {target.action.instance}, {reboot}, and wait until it is {until}"

    def begin(self, target: Target) -> StepAnswer:
        """Make the image, or find the one that was made."""
        return self._make(target, target.now)

    def poll(self, target: Target, state: CreateImageState) -> StepAnswer:
        """Ask for the state of the image."""
        if state.image is None:
            return self._make(target, state.since)
        image = self._services.images.told(state.image)
        if image is not None:
            return self._judged(target, state, image)
        if target.now >= state.since + LOST_AFTER:
            return Failed(f"image {state.image} cannot be found any more: somebody may have deregistered it")
        return self._hidden(target, state)

    def stop(self, target: Target, state: CreateImageState | None) -> str | None:
        """Say that the image stays."""
        image = state.image if state is not None else None
        if image is None:
            image = next((each.image for each in self._services.images.named(self._name(target))), None)
        if image is None:
            return None
        return f"image {image} stays: EC2 makes it available by itself, unless the instance is terminated before"

    def _make(self, target: Target, since: float) -> StepAnswer:
        name, key = self._name(target), key_of(target)
        found = self._services.images.named(name)
        for each in found:
            # EC2 may show the tags of an image later than its name, which no other action gives.
            if each.key not in {key, ""}:
                return Failed(
                    f"image {each.image} has the name {name!r} and the tag {ACTION_TAG}={each.key}: rename it"
                )
            return self._judged(target, CreateImageState(image=each.image, since=target.now), each)
        state = CreateImageState(image=None, since=since)
        try:
            image = self._services.images.create(
                target.action.instance,
                name=name,
                reboot=self._options.reboot,
                tags=tags_of(target, self._options.tags),
                description=description_of(target, self._options.description),
            )
        except CallFailed as failed:
            if not failed.failure.effect_is_open:
                raise
            # Made or not: the next poll finds it by its name, or asks again.
            return self._waiting(
                f"making image {name!r}: {failed.failure}",
                state,
                again_after=POLL_INTERVAL,
                blocked=True,
                blockers=(
                    Blocker(kind=BlockerKind.DEPENDENCY, name=failed.failure.action, reason=str(failed.failure)),
                ),
            )
        if image is not None:
            return self._hidden(target, CreateImageState(image=image, since=target.now))
        if target.now >= since + LOST_AFTER:
            return Failed(f"EC2 says that there is an image {name!r} already, and does not show it: look for it there")
        return self._hidden(target, state)

    def _hidden(self, target: Target, state: CreateImageState) -> StepAnswer:
        """Return what it means that the image was asked for, and has not been seen."""
        name = self._name(target)
        if state.image is not None and not self._options.wait:
            return Done(f"image {state.image} ({name}) was accepted")
        return self._waiting(
            f"waiting for image {state.image or name}",
            state,
            again_after=POLL_INTERVAL,
            blockers=(_blocker(state.image or name, "not shown yet"),),
        )

    def _judged(self, target: Target, state: CreateImageState, image: Image) -> StepAnswer:
        """Return what the state of the image means."""
        name, stage = f"image {image.image} ({self._name(target)})", image_stage(image.state)
        why = f", {redacted(image.message)}" if image.message else ""
        if stage is Stage.FAILED:
            return Failed(f"{name} is {image.state}{why}: see why, and let the step begin again, or go on without")
        if stage is Stage.READY:
            return Done(f"{name} is {image.state}")
        if not self._options.wait:
            return Done(f"{name} was accepted")
        unknown = f", whose state {image.state!r} is not known" if stage is Stage.UNKNOWN else ""
        return self._waiting(
            f"waiting for {name}{unknown}", state, blockers=(_blocker(image.image, image.state or "without a state"),)
        )

    def _name(self, target: Target) -> str:
        return image_name(target.fill(self._options.name), key_of(target))


def _blocker(name: str, reason: str) -> Blocker:
    return Blocker(kind=BlockerKind.IMAGE, name=name, reason=reason)
