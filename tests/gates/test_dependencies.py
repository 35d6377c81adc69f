from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gates.dependencies import audit, unlicensed, vulnerable

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {"name": "six", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": []}]}
HARMLESS = {"name": "idna", "version": "3.20", "vulns": []}
UNKNOWN = {"name": "boto3", "skip_reason": "Dependency not found"}


def report(*dependencies: dict[str, Any]) -> bytes:
    return json.dumps({"dependencies": dependencies, "fixes": []}).encode()


def test_a_known_vulnerability_is_found() -> None:
    assert vulnerable(report(KNOWN, HARMLESS)) == (["six 1.0: PYSEC-1, mended in 1.1"], [])


def test_packages_of_which_nothing_is_known_are_named() -> None:
    assert vulnerable(report(HARMLESS, UNKNOWN)) == ([], ["boto3"])


def test_a_report_about_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="asked about nothing"):
        vulnerable(report())


def pip_audit(folder: Path, *, out: bytes = b"", error: str = "", code: int = 0) -> str:
    """Return an executable that says and ends as pip-audit would."""
    program = folder / "pip-audit"
    says = f"sys.stdout.write({out.decode()!r})\nsys.stderr.write({error!r})\nsys.exit({code})\n"
    program.write_text(f"#!{sys.executable}\nimport sys\n{says}")
    program.chmod(0o700)
    return str(program)


def test_a_vulnerability_ends_the_audit(tmp_path: Path) -> None:
    problems, _ = audit(pip_audit(tmp_path, out=report(KNOWN), code=1), "requirements.txt")
    assert problems == ["six 1.0: PYSEC-1, mended in 1.1"]


@pytest.mark.parametrize(
    ("out", "error", "code", "said"),
    [
        (b"", "urllib3.exceptions.MaxRetryError: Max retries exceeded with url", 1, "could not ask: no connection"),
        (b"", "ERROR:pip_audit._cli:Could not connect: ConnectionError", 1, "could not ask: no connection"),
        (report(UNKNOWN), "", 0, "could not ask about 1 packages, of which nothing is known: boto3"),
        (report(HARMLESS), "", 0, "no known vulnerabilities"),
    ],
)
def test_who_can_ask_nobody_says_so(tmp_path: Path, out: bytes, error: str, code: int, said: str) -> None:
    problems, summary = audit(pip_audit(tmp_path, out=out, error=error, code=code), "requirements.txt")
    assert problems == []
    assert summary.startswith(said)


def test_an_audit_that_fails_for_another_reason_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="invalid requirements"):
        audit(pip_audit(tmp_path, error="invalid requirements input", code=1), "requirements.txt")


def bom(*licences: dict[str, Any]) -> bytes:
    return json.dumps({"components": [{"name": "six", "version": "1.0", "licenses": list(licences)}]}).encode()


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ([{"license": {"id": "MIT"}}], []),
        ([{"expression": "BSD-3-Clause"}], []),
        ([], ["six 1.0 names no licence"]),
        ([{"license": {"id": "GPL-3.0-only"}}], ["six 1.0: GPL-3.0-only"]),
        ([{"license": {"id": "MIT"}}, {"license": {"name": "Our own"}}], ["six 1.0: Our own"]),
        ([{"expression": "MIT OR AGPL-3.0-only"}], ["six 1.0: MIT OR AGPL-3.0-only"]),
        ([{"license": {}}], ["six 1.0: an unnamed licence"]),
    ],
)
def test_only_licences_that_are_allowed_are_carried(licences: list[dict[str, Any]], expected: list[str]) -> None:
    assert unlicensed(bom(*licences)) == expected


def test_a_list_without_packages_is_refused() -> None:
    with pytest.raises(ValueError, match="no package is listed"):
        unlicensed(b'{"components": []}')
