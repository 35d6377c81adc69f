"""Lambda entry point: a signal of an instance or a pipeline, or an event of ECS or Systems Manager that ends a wait."""

from __future__ import annotations

from handlers.event_handler import application, door

handler_of = door(lambda intake, event: intake.signal_door().receive(event))
"""Makes the handler out of a source of parts."""

handler = handler_of(application)
"""Answers one event."""
