"""The kinds that tell somebody something, or are told: commands, functions, events, signals."""

from __future__ import annotations

import contextlib
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from aws_durable_execution_sdk_python_testing.exceptions import AwsApiException

from asg_lifecycle.model.signal_words import TAG_PREFIX, word_digest
from asg_lifecycle.model.wake_events import SIGNAL_DETAIL_TYPE, SIGNAL_SOURCE, signal_detail
from asg_lifecycle.steps.publish_event import SOURCE
from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, EITHER, LAUNCH, CampaignKind, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION = "archive"
SIGNAL = "ready"
AGAIN = 300.0
"""Seconds until an instance says its signal again: one that came before the action was claimed does not count."""

MOST_SAID = 12
"""How often it does."""


class RunCommand(CampaignKind):
    """`run-command`: the run itself decides how its commands go."""

    kind = "run-command"
    transitions = EITHER
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ssm": ("SendCommand", "GetCommandInvocation", "ListCommands", "DescribeInstanceInformation"),
    }
    shapes: ClassVar[Mapping[str, Shape]] = {
        "plain": Shape(
            options={"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop worker"]}}
        )
    }

    def undone(self, instance: str, since: float) -> str | None:
        """Return that no command has succeeded on it."""
        runs = self.testbed.run_command.invocations(instance)
        done = any(run.status == "Success" and run.command.requested_at >= since for run in runs)
        return None if done else "its command had ended with success"


class InvokeFunction(CampaignKind):
    """`invoke-function`."""

    kind = "invoke-function"
    transitions = EITHER
    shapes: ClassVar[Mapping[str, Shape]] = {
        "answers": Shape(weight=2),
        "calls back": Shape(weight=2, options={"wait_for": "callback", "timeout": "2h"}),
        "is not waited for": Shape(options={"wait_for": "nothing"}),
        "raises": Shape(fails=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"function": ABSENT}

    @classmethod
    def drawn_options(cls, random: Any) -> dict[str, Any]:  # noqa: ANN401 - the overridden signature
        """Name the function."""
        del random
        return {"function": FUNCTION}

    def arrange(self) -> None:
        """Deploy the function."""
        self._replied: list[tuple[str, float]] = []
        self.testbed.functions.deploy(FUNCTION, self._run)

    def _run(self, event: Mapping[str, Any]) -> str:
        if self.step.shape == "raises":
            raise ValueError("no space left")
        if self.step.shape == "calls back":
            self.testbed.timeline.call_after(self.step.takes, partial(self._reply, event), name="a function replies")
        else:
            self._replied.append((event["instance"], self.now))
        return "archived"

    def _reply(self, event: Mapping[str, Any]) -> None:
        # The execution that handed the callback out may have ended.
        with contextlib.suppress(AwsApiException):
            self.testbed.deployment.service.callbacks.succeed(event["callback"], b'"archived"')
            self._replied.append((event["instance"], self.now))

    def undone(self, instance: str, since: float) -> str | None:
        """Return that the function has not run for it."""
        if self.replaced_by_absent:
            return None
        done = any(told == instance and at >= since for told, at in self._replied)
        return None if done else "its function had answered"


class PublishEvent(CampaignKind):
    """`publish-event`."""

    kind = "publish-event"
    transitions = EITHER
    absent: ClassVar[Mapping[str, Any]] = {"bus": ABSENT}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"events": ("PutEvents",)}

    def undone(self, instance: str, since: float) -> str | None:
        """Return that no event about its action was published."""
        if self.replaced_by_absent:
            return None
        published = any(
            event["source"] == SOURCE
            and isinstance(detail := event["detail"], dict)
            and detail["instance"] == instance
            and datetime.fromisoformat(str(event["time"])).timestamp() >= since - 1.0
            for event in self.testbed.region.events.emitted
        )
        return None if published else "its event was published"


BY_WORD = {"success by its word", "another's word"}


def word_of(instance: str) -> str:
    """Return the word that an instance has given itself."""
    return f"the-word-of-{instance:0>32}"


class WaitForSignal(CampaignKind):
    """`wait-for-signal`."""

    kind = "wait-for-signal"
    transitions = EITHER
    shapes: ClassVar[Mapping[str, Shape]] = {
        "success": Shape(weight=4, options={"name": SIGNAL}),
        "success by its word": Shape(weight=2, options={"name": SIGNAL, "word": True}),
        "failure": Shape(options={"name": SIGNAL}, fails=True),
        "another's word": Shape(options={"name": SIGNAL, "word": True}, endless=True),
        "another signal": Shape(options={"name": SIGNAL}, endless=True),
    }

    def arrange(self) -> None:
        """Make the list of what was said."""
        self._said: list[tuple[str, float]] = []

    def waits(self, instance: str) -> None:
        """Let the instance say its signal, and say it again."""
        if self.step.shape in BY_WORD:
            tag = {"Key": TAG_PREFIX + SIGNAL, "Value": word_digest(word_of(instance))}
            with self.testbed.region.unobserved():
                self.testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[tag])
        self.testbed.timeline.call_after(self.step.takes, partial(self._say, instance, MOST_SAID), name="a signal")

    def _say(self, instance: str, left: int) -> None:
        region, shape = self.testbed.region, self.step.shape
        if not left or self.testbed.autoscaling.instance_state(instance) is None:
            return
        name = "something-else" if shape == "another signal" else SIGNAL
        detail = signal_detail(
            instance=instance,
            name=name,
            succeeded=shape != "failure",
            message="as drawn",
            hook=None,
            word=word_of(instance if shape == "success by its word" else "another") if shape in BY_WORD else None,
        )
        region.emit(SIGNAL_SOURCE, SIGNAL_DETAIL_TYPE, detail)
        if shape in {"success", "success by its word"}:
            self._said.append((instance, self.now))
        self.testbed.timeline.call_after(AGAIN, partial(self._say, instance, left - 1), name="a signal")

    def undone(self, instance: str, since: float) -> str | None:
        """Return that it has not said so."""
        said = any(told == instance and at >= since for told, at in self._said)
        return None if said else f"signal {SIGNAL} had come"


class WaitForManaged(CampaignKind):
    """`wait-for-managed`."""

    kind = "wait-for-managed"
    transitions = LAUNCH
    shapes: ClassVar[Mapping[str, Shape]] = {
        "comes online": Shape(weight=4),
        "was lost": Shape(),
        "never comes online": Shape(endless=True),
    }
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"ssm": ("DescribeInstanceInformation",)}
    excludes = frozenset({"run-command"})

    def settle(self, instance: str) -> None:
        """Let its agent come online."""
        run_command, shape = self.testbed.run_command, self.step.shape
        run_command.forget(instance)
        if shape != "comes online":
            run_command.manage(instance, "ConnectionLost")
        if shape != "never comes online":
            self.after(self.step.takes, partial(run_command.manage, instance))

    def undone(self, instance: str, since: float) -> str | None:
        """Return that its agent is not online."""
        del since
        online = self.testbed.run_command.ping_statuses.get(instance) == "Online"
        return None if online else "its agent was online"
