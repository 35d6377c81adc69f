"""The function laid out as SAM packages it, and the runtime client that Lambda would add to it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTION = "LifecycleActionFunction"
RUNTIME = "python3.13"
REQUIREMENTS = ROOT / "requirements"
RUNTIME_CLIENT = frozenset({"awslambdaric", "simplejson", "snapshot-restore-py"})
"""What a Lambda runtime brings along besides Python. boto3 is in the artifact: the runtime's own is too old."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A function ready to run.

    Attributes:
        code: folder of the code, `/var/task` in Lambda.
        runtime_client: folder of the runtime client, `/var/runtime` in Lambda.
        python: the interpreter it was made for.
    """

    code: Path
    runtime_client: Path
    python: Path


def sam() -> Path | None:
    """Return SAM's executable: the one that `SAM` names, else that of `make`'s own environment, if there is one.

    Raises:
        FileNotFoundError: `SAM` names a file that does not exist.
    """
    named = os.environ.get("SAM")
    path = Path(named) if named else ROOT / ".venv-sam" / "bin" / "sam"
    if path.is_file():
        return path
    if named:
        raise FileNotFoundError(f"SAM is set to {named}, which does not exist")
    return None


def emulator(sam_executable: Path) -> Path:
    """Return the Runtime Interface Emulator that comes with this SAM."""
    architecture = "arm64" if _is_arm() else "x86_64"
    pattern = f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{architecture}"
    (found,) = sam_executable.parents[1].glob(pattern)
    return found


def lambda_python() -> Path | None:
    """Return a Python of the version that the function runs on in Lambda, if this machine has one."""
    found = shutil.which(RUNTIME, path=_search_path())
    if found is None:
        return None
    # A version manager leaves a stand-in on the path that fails where its version is not selected.
    answer = subprocess.run(  # noqa: S603 - an interpreter found on PATH
        [found, "-c", "import sys; print(sys.executable)"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return Path(answer.stdout.strip()) if answer.returncode == 0 else None


def package_with_sam(sam_executable: Path, python: Path, folder: Path) -> Package:
    """Package the function with `sam build`."""
    _run(
        sam_executable,
        "build",
        FUNCTION,
        *("--build-dir", folder / "build"),
        *("--cache-dir", folder / "cache"),
        "--no-cached",
        *("--parameter-overrides", f"Architecture={'arm64' if _is_arm() else 'x86_64'}"),
    )
    return Package(
        code=folder / "build" / FUNCTION, runtime_client=_runtime_client(python, folder / "runtime"), python=python
    )


def package_with_pip(folder: Path) -> Package:
    """Lay the function out for the present interpreter, where SAM has no Python of Lambda's version to build with."""
    python = Path(sys.executable)
    code = folder / "build"
    _install(python, REQUIREMENTS / "runtime.txt", code)
    shutil.copytree(ROOT / "src", code, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return Package(code=code, runtime_client=_runtime_client(python, folder / "runtime"), python=python)


def _runtime_client(python: Path, folder: Path) -> Path:
    entries = re.split(r"\n(?=\S)", (REQUIREMENTS / "dev.txt").read_text())
    wanted = [entry for entry in entries if entry.partition("==")[0] in RUNTIME_CLIENT]
    folder.mkdir()
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(wanted) + "\n")
    _install(python, requirements, folder)
    return folder


def _install(python: Path, requirements: Path, folder: Path) -> None:
    _run(
        # Its own pip: that of an older Python does not run under a newer one.
        *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--root-user-action", "ignore", "--require-hashes", "--no-deps", "--no-compile"),
        *("--requirement", requirements, "--target", folder),
    )


def _run(*command: str | Path) -> None:
    answer = subprocess.run(  # noqa: S603 - pip and SAM, with arguments of ours
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": _search_path(), "SAM_CLI_TELEMETRY": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{answer.stdout}")


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))


def _is_arm() -> bool:
    return platform.machine() in {"aarch64", "arm64"}
