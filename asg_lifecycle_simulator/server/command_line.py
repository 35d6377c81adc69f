"""A simulated region to point AWS SDKs, the AWS CLI and `sam local invoke` at.

It is started with `asg-lifecycle-simulator` or `python -m asg_lifecycle_simulator`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.server.control import PREFIX
from asg_lifecycle_simulator.server.presets import INSTANCES, SCENARIOS, Settings
from asg_lifecycle_simulator.server.server import LOOPBACK, REGION, ServerSettings, SimulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DESCRIPTION = "A simulated Region to point AWS SDKs, the AWS CLI and `sam local invoke` at."
DEFAULT_PORT = 5005
ENDS_WITH = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a region until SIGINT or SIGTERM; return the exit code.

    Args:
        arguments: the command line, that of the process when None.
    """
    parsed = _parser().parse_args(arguments)
    # Blocked before any thread starts, so that the signal waits for this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS_WITH)
    try:
        output = sys.stdout
        with (
            open(parsed.application_log, "w", encoding="utf-8") as log,  # noqa: PTH123 - os.devnull is no path
            contextlib.redirect_stdout(log),
            SimulatorServer(_settings(parsed)) as server,
        ):
            description = _description(server, parsed)
            output.write(json.dumps(description) if parsed.json else _block(description))
            output.write("\n")
            output.flush()
            signal.sigwait(ENDS_WITH)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot serve a region at {parsed.host}:{parsed.port}: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asg-lifecycle-simulator",
        description=DESCRIPTION,
        epilog="For example: asg-lifecycle-simulator --port 5005 --no-application --scale 60",
    )
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port, 0 for any free one (default %(default)s)")
    parser.add_argument("--region", default=REGION, help="name of the region (default %(default)s)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="seconds that pass in the region per second (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="what tokens and ids are drawn from (default %(default)s)")
    parser.add_argument(
        "--scenario",
        choices=SCENARIOS,
        default=SCENARIOS[0],
        help="web: a group of two instances, whose lifecycle actions the application works on; terminate: one of them "
        "already waits to be terminated, and nobody works on it; none: nothing (default %(default)s)",
    )
    parser.add_argument(
        "--application",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="the application works on lifecycle actions, in this process (default: with the scenario web only, unless "
        "a local runner does, and in a checkout of it only: an installed simulator does not have it)",
    )
    parser.add_argument(
        "--application-log", default=os.devnull, metavar="FILE", help="write the application's own log to this file"
    )
    parser.add_argument(
        "--waiting",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="begin with the lifecycle action of events/terminate.json (default: with the scenario terminate only)",
    )
    parser.add_argument("--table", default=Settings.table, help="name of the table of records (default %(default)s)")
    parser.add_argument(
        "--deregistration-delay",
        type=int,
        default=Settings.deregistration_delay,
        metavar="SECONDS",
        help="of the target group (default %(default)s)",
    )
    parser.add_argument(
        "--heartbeat-timeout",
        type=int,
        default=Settings.heartbeat_timeout,
        metavar="SECONDS",
        help="of the hooks (default %(default)s)",
    )
    parser.add_argument(
        "--attached", action="store_true", help="attach the target group to the group, which then drains it by itself"
    )
    parser.add_argument(
        "--deliver-to", metavar="URL", help="start an execution at this dex-local-runner for each event"
    )
    parser.add_argument(
        "--function", default=ServerSettings.function, help="the function's name there (default %(default)s)"
    )
    parser.add_argument("--lambda-endpoint", metavar="URL", help="where the local runner invokes the function")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of text")
    return parser


def _settings(parsed: argparse.Namespace) -> ServerSettings:
    return ServerSettings(
        host=parsed.host,
        port=parsed.port,
        region=parsed.region,
        scale=parsed.scale,
        seed=parsed.seed,
        scenario=parsed.scenario,
        waiting=parsed.waiting,
        application=parsed.application,
        contents=Settings(
            table=parsed.table,
            deregistration_delay=parsed.deregistration_delay,
            heartbeat_timeout=parsed.heartbeat_timeout,
            attached=parsed.attached,
        ),
        deliver_to=parsed.deliver_to,
        function=parsed.function,
        lambda_endpoint=parsed.lambda_endpoint,
    )


def _description(server: SimulatorServer, parsed: argparse.Namespace) -> dict[str, Any]:
    state = server.state.read()
    return {
        "endpoint": server.url,
        "control": f"{server.url}{PREFIX}",
        "region": server.region.name,
        "account": server.region.account,
        "scale": parsed.scale,
        "environment": server.environment,
        "tables": [] if server.deployment is None else [parsed.table],
        **{name: state[name] for name in ("groups", "actions", "target_groups", "managed_instances")},
    }


def _block(description: dict[str, Any]) -> str:
    scale = description["scale"]
    lines = [
        f"Simulated region {description['region']} of account {description['account']}",
        f"  endpoint  {description['endpoint']}",
        f"  time      {'real' if scale == 1 else f'{scale:g} times as fast as real'}",
        "",
        "In the shell that uses it, for every AWS SDK, the AWS CLI and asg-lifecycle:",
        f"export {' '.join(f'{name}={shlex.quote(value)}' for name, value in description['environment'].items())}",
        "",
        *_contents(description),
        "",
        f"what it holds now    curl {description['control']}state",
        f"what happened        curl {description['control']}log",
        f"events so far        curl {description['control']}events",
        f'terminate one        curl -d \'{{"instance": "{INSTANCES[-1]}"}}\' {description["control"]}terminate',
        "end it               Ctrl-C",
    ]
    return "\n".join(lines)


def _contents(description: dict[str, Any]) -> Iterator[str]:
    for table in description["tables"]:
        yield f"table {table}"
    for group in description["groups"]:
        yield f"group {group['name']}"
        for instance in group["instances"]:
            managed = description["managed_instances"].get(instance["id"], "not")
            yield f"  instance {instance['id']}: {instance['state']}, {managed.lower()} in Systems Manager"
        for hook in group["hooks"]:
            yield f"  hook {hook['name']}: {hook['transition']}, heartbeat timeout {hook['heartbeat_timeout']} s"
    for group in description["target_groups"]:
        yield f"target group {group['name']}: deregistration delay {group['deregistration_delay']:g} s, {group['arn']}"
        for target in group["targets"]:
            yield f"  target {target['id']}:{target['port']}: {target['state']}"
    for action in description["actions"]:
        yield f"lifecycle action {action['token']}: {action['instance']} under {action['hook']}"
