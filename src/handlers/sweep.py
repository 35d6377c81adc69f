"""Lambda entry point: one sweep over all groups, on a schedule."""

from __future__ import annotations

from handlers.event_handler import application, lambda_handler

handler_of = lambda_handler(lambda intake, _: intake.sweep().run())
"""Makes the handler out of a source of parts."""

handler = handler_of(application)
"""Sweeps once."""
