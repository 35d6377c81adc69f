"""Lambda entry point: the messages of the queue that hooks notify."""

from __future__ import annotations

from handlers.event_handler import application, lambda_handler

handler_of = lambda_handler(lambda intake, event: intake.notification_intake().receive(event))
"""Makes the handler out of a source of parts."""

handler = handler_of(application)
"""Answers one batch of messages."""
