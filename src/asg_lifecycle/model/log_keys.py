"""The keys of the log lines that the application writes as JSON."""

from __future__ import annotations

ACTION_KEYS = {
    "group": "The Auto Scaling group.",
    "hook": "The lifecycle hook.",
    "instance": "The instance that waits.",
    "token": "The token of the lifecycle action; null for one that the sweep found.",
    "execution": "The ARN of the durable execution.",
}
"""On each line about an action; not on those of the sweep and the other entry points, which work on many."""

STEP_KEYS = {"step": "The kind of the step that is running; empty where none is."}

ENDED_KEYS = {
    "status": "How the action ended: `completed`, `over` or `lost`.",
    "result": "What it was completed with, `CONTINUE` or `ABANDON`; empty where it was not.",
    "seconds": "Seconds from its event to its end.",
    "operations": "Durable operations that its execution had used, or a few more.",
}
"""On the one line that tells the end of an action."""

LINE_KEYS = {
    "level": "`INFO`, `WARNING`, or `ERROR` for what a person has to look into.",
    "message": "What happened, a sentence.",
    "timestamp": "When, with the zone.",
    "location": "The function and line of the code.",
    "service": "`asg-lifecycle`.",
    "exception": "The traceback, where there is one.",
    "exception_name": "The type of the exception, where there is one.",
    "xray_trace_id": "The trace of the invocation, where Lambda traces it.",
}
"""On each line, as Powertools for AWS Lambda writes it."""
