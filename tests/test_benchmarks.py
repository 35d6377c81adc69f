"""The benchmarks run, and their verdict is the exit code. Their figures are not judged: a test machine is busy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks import coldstart
from benchmarks.coldstart import Comparison, Sample


def comparison(*cpu_times: tuple[float, float]) -> Comparison:
    """Return the comparison of (ours, bare) CPU times, each elapsed twice as long."""
    return Comparison(
        ours=tuple(Sample(cpu=ours, wall=2 * ours) for ours, _ in cpu_times),
        bare=tuple(Sample(cpu=bare, wall=2 * bare) for _, bare in cpu_times),
    )


def test_a_cold_start_of_both_handlers_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    # What stands in the caller's environment reaches neither.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "no level")
    measured = coldstart.compare(1)
    for sample in (*measured.ours, *measured.bare):
        assert 0 < sample.cpu < 60
        assert 0 < sample.wall < 60
    assert (len(measured.ours), len(measured.bare)) == (1, 1)


def test_both_handlers_make_the_same_clients() -> None:
    sources = {"ours": coldstart.OURS, "bare": coldstart.BARE}
    services = {}
    for name, source in sources.items():
        program = (
            f"import json, sys; sys.path.insert(0, {str(coldstart.SOURCE)!r})\n{source}\n"
            "print(json.dumps([client.meta.service_model.service_name for client in clients]))"
        )
        answered = subprocess.run(  # noqa: S603 - this interpreter, on the benchmark's own programs
            [sys.executable, "-c", program], env=coldstart.environment(), stdout=subprocess.PIPE, check=True
        )
        services[name] = json.loads(answered.stdout)
    assert services["ours"] == services["bare"] == list(coldstart.CLIENTS)


@pytest.mark.parametrize(
    ("ours", "limit", "code"), [(1.3, "1.3", 0), (1.31, "1.3", 1), (1.31, "1.4", 0), (0.5, "1", 0)]
)
def test_the_exit_code_is_the_verdict(
    ours: float, limit: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(coldstart, "compare", lambda _: comparison((ours, 1.0), (ours, 1.0)))
    assert coldstart.main(["--pairs", "2", "--limit", limit]) == code
    printed = capsys.readouterr().out
    assert f"{'ratio':<16}{ours:>12.2f}{ours:>12.2f}" in printed
    assert ("ABOVE" in printed) is (code == 1)


def test_the_medians_are_compared() -> None:
    measured = comparison((1.0, 1.0), (2.0, 1.0), (9.0, 5.0))
    assert measured.cpu_ratio == measured.wall_ratio == 2.0
    assert measured.table().splitlines() == [
        "median of 3              CPU     elapsed",
        "this handler         2000 ms     4000 ms",
        "bare handler         1000 ms     2000 ms",
        "ratio                   2.00        2.00",
    ]


def test_no_pair_is_no_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        coldstart.main(["--pairs", "0"])
    assert "--pairs is at least 1" in capsys.readouterr().err
