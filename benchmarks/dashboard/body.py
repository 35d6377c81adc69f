"""The dashboard of the template, as CloudWatch gets it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the package ships no types

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

NAMES = {
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "local",
    "HandbookUrl": "docs/operations.md",
    "LifecycleActionFunction": "lifecycle-action",
    "LogGroup": "asg-lifecycle",
    "RecordsTable": "asg-lifecycle",
    "SweepFunction": "sweep",
}
"""What `!Sub` puts in; the names of the simulated stack."""


def dashboard() -> dict[str, Any]:
    """Return the body of the dashboard.

    Raises:
        KeyError: it refers to something that is not in `NAMES`.
        ValueError: it is no JSON.
    """
    template = yaml_parse(TEMPLATE.read_text())
    text = template["Resources"]["OperationsDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    body: dict[str, Any] = json.loads(re.sub(r"\$\{([\w:.]+)\}", lambda found: NAMES[found[1]], text))
    return body


def queries() -> dict[str, str]:
    """Return the kept queries of the template, by logical id."""
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    return {
        name: resource["Properties"]["QueryString"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Logs::QueryDefinition"
    }
