"""Lambda entry point: one sweep over all groups, on a schedule."""

from __future__ import annotations

from handlers.event_handler import application, door

handler_of = door(lambda intake, _: intake.sweep().run())
"""Makes the handler out of a source of parts."""

handler = handler_of(application)
"""Sweeps once."""
