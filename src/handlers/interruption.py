"""Lambda entry point: a Spot interruption warning or a rebalance recommendation of EC2."""

from __future__ import annotations

from handlers.event_handler import application, lambda_handler

handler_of = lambda_handler(lambda intake, event: intake.interruption_intake().receive(event))
"""Makes the handler out of a source of parts."""

handler = handler_of(application)
"""Answers one event."""
