"""Run Command that takes time: moto answers every command with success at once.

Source: Systems Manager API reference, SendCommand, GetCommandInvocation, CancelCommand.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from moto.ssm.responses import SimpleSystemManagerResponse

from asg_lifecycle_simulator.services.run_command.commands import Commands
from asg_lifecycle_simulator.services.run_command.responses import OPERATIONS

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.base import Response
    from asg_lifecycle_simulator.services.run_command.responses import Operation


class RunCommand(Commands):
    """Run Command in a region: its commands, and the requests about them."""

    def install(self) -> None:
        """Take Run Command over from moto."""
        self.answer(
            SimpleSystemManagerResponse,
            {name: partial(self._answer, operation) for name, operation in OPERATIONS.items()},
        )

    def _answer(self, operation: Operation, response: SimpleSystemManagerResponse) -> Response:
        return operation(self, json.loads(response.body or "{}"), response)
