"""Lambda entry point: a signal of an instance or a pipeline, or an event of ECS or Systems Manager that ends a wait."""

from __future__ import annotations

from handlers.event_handler import application, lambda_handler

handler_of = lambda_handler(lambda intake, event: intake.signal_intake().receive(event))
"""Makes the handler out of a source of parts."""

handler = handler_of(application)
"""Answers one event."""
