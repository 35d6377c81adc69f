"""What holds for all tests."""

from __future__ import annotations

import gc
import sys

from hypothesis import HealthCheck, settings

# A machine that is busy takes its time: how long an example or its data take says nothing about the code.
# `make fuzz` draws more examples for longer.
settings.register_profile("unhurried", deadline=None, max_examples=35, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Seconds. About a twentieth of the run went into threads that take turns while each has something to compute. They
# still take turns wherever one waits; the campaign that is run by hand keeps the default, which mixes them more.
sys.setswitchinterval(0.05)


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what lives as long as the run: a fifth of the run went into looking through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
