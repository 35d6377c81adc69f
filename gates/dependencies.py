"""Whether what the function carries has known vulnerabilities, and which licences it is under.

    python -m gates.dependencies vulnerabilities .venv-gates/pip-audit/bin/pip-audit requirements/runtime.txt
    python -m gates.dependencies licences dist/sbom.json

A place without a network, or whose package index knows no advisories, can ask nobody: that is said, and is no failure.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

ALLOWED = frozenset(
    {
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        # Packages that name their licence by its classifier alone.
        "License :: OSI Approved :: Apache Software License",
        "License :: OSI Approved :: BSD License",
    }
)
"""Licences under which the function may carry a package: none of them says anything about the code around it."""

NO_CONNECTION = (
    "ConnectionError",
    "Connection Error",
    "Name or service not known",
    "Max retries exceeded",
    "timed out",
)
"""What pip-audit says when it has reached nobody."""


class Vulnerability(msgspec.Struct, frozen=True):
    """An advisory about one version of a package."""

    id: str
    fix_versions: list[str]


class Dependency(msgspec.Struct, frozen=True):
    """What pip-audit was told about a package; `skip_reason` where it was told nothing."""

    name: str
    version: str = ""
    vulns: list[Vulnerability] = []
    skip_reason: str = ""


class Audit(msgspec.Struct, frozen=True):
    """The report of pip-audit."""

    dependencies: list[Dependency]


class License(msgspec.Struct, frozen=True):
    """A licence: its SPDX id, or a name of it."""

    id: str = ""
    name: str = ""


class LicenseChoice(msgspec.Struct, frozen=True):
    """One entry of a component's licences: a licence, or an expression of SPDX."""

    license: License = License()
    expression: str = ""

    @property
    def name(self) -> str:
        """The licence as the package names it."""
        return self.expression or self.license.id or self.license.name


class Component(msgspec.Struct, frozen=True):
    """A package in a CycloneDX list."""

    name: str
    version: str = ""
    licenses: list[LicenseChoice] = []


class Bom(msgspec.Struct, frozen=True):
    """A CycloneDX software bill of materials."""

    components: list[Component]


def vulnerable(report: bytes) -> tuple[list[str], list[str]]:
    """Return a sentence for each known vulnerability, and the packages of which nothing is known.

    Raises:
        ValueError: it is no report, or about no package.
    """
    dependencies = msgspec.json.decode(report, type=Audit).dependencies
    if not dependencies:
        raise ValueError("pip-audit was asked about nothing")
    known = [
        f"{each.name} {each.version}: {found.id}, mended in {', '.join(found.fix_versions) or 'no version'}"
        for each in dependencies
        for found in each.vulns
    ]
    return known, [each.name for each in dependencies if each.skip_reason]


def unlicensed(bom: bytes) -> list[str]:
    """Return a sentence for each package with a licence that is not allowed, or with none.

    Raises:
        ValueError: it is no list of components, or an empty one.
    """
    components = msgspec.json.decode(bom, type=Bom).components
    if not components:
        raise ValueError("no package is listed")
    problems = []
    for each in components:
        names = [it.name for it in each.licenses]
        if not names:
            problems.append(f"{each.name} {each.version} names no licence")
        problems += [
            f"{each.name} {each.version}: {name or 'an unnamed licence'}" for name in names if name not in ALLOWED
        ]
    return problems


def audit(executable: str, requirements: str) -> tuple[list[str], str]:
    """Return the known vulnerabilities of pinned requirements, and what to say if there are none.

    Raises:
        RuntimeError: pip-audit failed for another reason than that it reaches nobody.
    """
    answer = subprocess.run(  # noqa: S603 - the pinned pip-audit
        [
            *(executable, "--requirement", requirements, "--require-hashes", "--disable-pip"),
            *("--progress-spinner", "off", "--format", "json", "--timeout", "10"),
        ],
        capture_output=True,
        check=False,
    )
    if not answer.stdout.strip():
        said = answer.stderr.decode()
        if any(it in said for it in NO_CONNECTION):
            return [], "could not ask: no connection. Whether there are advisories is not known"
        raise RuntimeError(said)
    known, unknown = vulnerable(answer.stdout)
    asked = "no known vulnerabilities"
    if unknown:
        asked = f"could not ask about {len(unknown)} packages, of which nothing is known: {', '.join(unknown)}"
    return known, asked


def main() -> None:
    """Check what is named, and exit with 1 if there is something to change."""
    match sys.argv[1:]:
        case ["vulnerabilities", executable, requirements]:
            problems, summary = audit(executable, requirements)
            name = "pip-audit"
        case ["licences", bom]:
            problems, summary = unlicensed(Path(bom).read_bytes()), "all allowed"
            name = "licences"
        case arguments:
            sys.exit(f"unknown: {arguments}")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if problems:
        sys.exit(f"{name}: {len(problems)} packages to change")
    sys.stdout.write(f"{name}: {summary}\n")


if __name__ == "__main__":
    main()
