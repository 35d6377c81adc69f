"""Draws the figures of `make bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (9.0, 4.5)


def draw(figures: dict[str, Any], folder: Path) -> None:
    """Write the plots as PNG files to `folder`."""
    _price(figures["price of waiting"], folder / "price-of-waiting.png")
    _lateness(figures["drained to completed"], folder / "drained-to-completed.png")


def _price(table: dict[str, dict[str, Any]], path: Path) -> None:
    names = list(table)
    figure, axes = plt.subplots(figsize=SIZE)
    designs = list(next(iter(table.values())))
    width = 0.8 / len(designs)
    for number, design in enumerate(designs):
        heights = [table[name][design].get("dollars", 0.0) for name in names]
        axes.bar([place + number * width for place in range(len(names))], heights, width, label=design)
    axes.set_xticks([place + 0.4 for place in range(len(names))], names)
    axes.set_yscale("log")
    axes.set_ylabel("dollars for 1,000 drains")
    axes.set_title("The price of waiting; no bar: the design fails")
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _lateness(found: dict[str, dict[str, float]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=SIZE)
    for case, by_drain in found.items():
        axes.plot(list(by_drain), list(by_drain.values()), marker="o", label=case)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylabel("seconds from drained to completed")
    axes.set_xlabel("length of the drain")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
