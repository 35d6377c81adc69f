"""How commands end: every exit code there is, and what it means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    SUCCESS = 0
    FAILED = 1
    BAD_INPUT = 2
    ABANDONED = 10
    LOST = 11
    ENDED_BY_OTHERS = 12
    EXECUTION_FAILED = 13
    WARNINGS_FOUND = 20
    ERRORS_FOUND = 21
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    ExitCode.SUCCESS: "It was done. `show --follow`: the action ended with CONTINUE. `doctor`: nothing was found.",
    ExitCode.FAILED: "Something could not be done, or was found to be wrong; a line on standard error says what.",
    ExitCode.BAD_INPUT: "Wrong usage: an option, a value, a file or the configuration is wrong. Nothing was done.",
    ExitCode.ABANDONED: "`show --follow`: the action was completed with ABANDON.",
    ExitCode.LOST: "`show --follow`: Auto Scaling's own timeout came before the end of the action.",
    ExitCode.ENDED_BY_OTHERS: "`show --follow`: somebody else ended the action.",
    ExitCode.EXECUTION_FAILED: "`show --follow`: its execution failed or was stopped, and no other took over.",
    ExitCode.WARNINGS_FOUND: "`doctor`: there are warnings, and no errors.",
    ExitCode.ERRORS_FOUND: "`doctor`: there are errors.",
    ExitCode.INTERRUPTED: "Interrupted with Ctrl-C.",
    ExitCode.TERMINATED: "Ended by the signal SIGTERM while the screen was kept up to date.",
}
"""What each exit code means, as the reference says it."""
