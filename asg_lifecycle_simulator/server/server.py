"""A simulated region as a server: every AWS API of the region and the control API on one port, on scaled time."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import ScaledTimeline
from asg_lifecycle_simulator.server import presets
from asg_lifecycle_simulator.server.control import ControlApplication
from asg_lifecycle_simulator.server.local_runner import LocalRunner
from asg_lifecycle_simulator.server.state import RegionState
from asg_lifecycle_simulator.services.automations import Automations
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.other_services import add_services
from asg_lifecycle_simulator.services.run_command.service import RunCommand
from asg_lifecycle_simulator.services.state_machines import StateMachines
from asg_lifecycle_simulator.services.target_groups import TargetGroups

if TYPE_CHECKING:
    from types import TracebackType

    from asg_lifecycle_simulator.deployment.deployment import Deployment

LOOPBACK = "127.0.0.1"
HOOKS = "aws.autoscaling"
"""Where the events come from that start executions."""

REGION = "us-west-2"
"""That of the sample events."""

APPLICATION = (
    "asg_lifecycle_simulator.deployment",
    "aws_durable_execution_sdk_python_testing",
    "aws_lambda_powertools",
    "handlers",
)
"""What the application is made of here. A checkout with its development packages has it, an installed simulator not."""


def has_application() -> bool:
    """Return whether the application can be deployed into a region of this process."""
    return all(find_spec(name) is not None for name in APPLICATION)


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How to run a server.

    Attributes:
        host: the address to listen on.
        port: the port to listen on, 0 for any free one.
        region: the region's name.
        scale: how many seconds pass in the region per second, at least 1.
        seed: what tokens and ids are drawn from.
        scenario: what it holds from the start, one of `presets.SCENARIOS`.
        waiting: the instance of the sample event `terminate` waits to be terminated from the start, with the event's
            token; None means in the scenario `terminate` only.
        contents: what the scenario leaves open.
        application: the application works on the lifecycle actions, in this process; None means in the scenario `web`
            where no local runner gets the events, and where there is an application.
        deliver_to: address of a local runner that gets every event, None for none.
        function: the durable function's name there.
        lambda_endpoint: where the local runner invokes the function, None for its own setting.
    """

    host: str = LOOPBACK
    port: int = 0
    region: str = REGION
    scale: float = 1.0
    seed: int = 0
    scenario: str = "web"
    waiting: bool | None = None
    contents: presets.Settings = field(default_factory=presets.Settings)
    application: bool | None = None
    deliver_to: str | None = None
    function: str = "lifecycle_action"
    lambda_endpoint: str | None = None

    @property
    def answers_hooks(self) -> bool:
        """Whether the application works on the lifecycle actions, in this process."""
        by_default = self.scenario == "web" and self.deliver_to is None and has_application()
        return by_default if self.application is None else self.application


class SimulatorServer:
    """A region that is served as long as the server is entered.

    Attributes:
        region: the region.
        autoscaling: its Auto Scaling groups.
        target_groups: its target groups.
        run_command: its Run Command.
        state: what is in it at present.
        deployment: the application, None in the scenario `none` and where there is no application.

    Raises:
        ValueError: the application is to work on the lifecycle actions, and is not here.
    """

    def __init__(self, settings: ServerSettings) -> None:
        if settings.answers_hooks and not has_application():
            raise ValueError("the application is in a checkout with its development packages only; leave it out")
        self._settings = settings
        self._timeline = ScaledTimeline(settings.scale)
        self.region = Region(self._timeline, seed=settings.seed, name=settings.region)
        self.autoscaling = self.region.add(AutoScaling(self.region))
        self.target_groups = self.region.add(TargetGroups(self.region, self.autoscaling))
        self.run_command = self.region.add(RunCommand(self.region))
        self.region.add(Automations(self.region))
        self.region.add(StateMachines(self.region))
        add_services(self.region, self.autoscaling, self.target_groups)
        self.deployment: Deployment | None = None
        self.state = RegionState(self.autoscaling, self.target_groups, self.run_command)
        self._undo = ExitStack()
        self._url = ""

    @property
    def url(self) -> str:
        """The address of the AWS endpoint, without a path."""
        return self._url

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which the AWS SDKs and the AWS CLI find the region."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": self.region.name,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    def __enter__(self) -> Self:
        """Begin to listen, make the scenario and deliver its events."""
        settings = self._settings
        with ExitStack() as undo:
            undo.callback(self._timeline.close)
            undo.enter_context(self.region)
            if settings.deliver_to is not None:
                runner = LocalRunner(
                    settings.deliver_to,
                    account=self.region.account,
                    function=settings.function,
                    lambda_endpoint=settings.lambda_endpoint,
                )
                undo.callback(runner.close)
                self.region.subscribe(lambda event: runner.deliver(event) if event["source"] == HOOKS else None)
            self._fill()
            self._listen(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and leave the region."""
        self._undo.close()

    def _fill(self) -> None:
        settings = self._settings
        if settings.scenario == "none":
            return
        terminate = settings.scenario == "terminate"
        contents = replace(settings.contents, attached=settings.contents.attached or terminate)
        if has_application():
            # An installed simulator has no such module.
            from asg_lifecycle_simulator.server.application import deploy  # noqa: PLC0415

            self.deployment = deploy(
                self.region,
                self._timeline,
                self.autoscaling,
                table=contents.table,
                answers_hooks=settings.answers_hooks,
            )
        presets.build(self.autoscaling, self.run_command, contents)
        if terminate if settings.waiting is None else settings.waiting:
            presets.wait_for_termination(self.autoscaling, presets.INSTANCES[0], token=presets.WAITING_TOKEN)

    def _listen(self, undo: ExitStack) -> None:
        services = DomainDispatcherApplication(create_backend_app)
        application = ControlApplication(self.autoscaling, self.state, services)
        # Bound here, because werkzeug ends the process when a port is taken.
        with socket.create_server((self._settings.host, self._settings.port)) as listening:
            port = listening.getsockname()[1]
            server = make_server(
                self._settings.host,
                port,
                application,
                threaded=True,
                request_handler=_QuietRequestHandler,
                fd=listening.fileno(),
            )
        undo.callback(server.server_close)
        thread = threading.Thread(target=server.serve_forever, name="simulator-server", daemon=True)
        thread.start()
        undo.callback(thread.join)
        undo.callback(server.shutdown)
        self._url = f"http://{self._settings.host}:{port}"


class _QuietRequestHandler(MotoRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the overridden signature
        """Write nothing: the region keeps its own log."""
