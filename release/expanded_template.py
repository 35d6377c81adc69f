"""The template without SAM's transform, and the code that it names: what a StackSet deploys.

    python -m release.expanded_template BUILT OUTPUT

reads the function that `sam build` has made in the folder BUILT, and writes `expanded.yaml` and one archive into the
folder OUTPUT. A StackSet cannot use `sam deploy`, and Lambda reads code only from a bucket of its own Region: the
parameter `CodeBucket` names the buckets, each with a hyphen and its Region at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from boto3.session import Session
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped] # the package ships no types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped] # the same
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the same

from release.code_archive import archive_name, code_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
FUNCTION_KIND = "AWS::Serverless::Function"
CODE_BUCKET = "CodeBucket"
INTERFACE = "AWS::CloudFormation::Interface"

NO_REGION = "no-region-1"
"""SAM wants a Region to expand for. What it would write of it into the template is found out."""

MOST_BYTES = 1_000_000
"""Of a template in S3 (AWS CloudFormation quotas, "Template body size in an S3 object"; 1 MB)."""

PARAMETER = {
    "Type": "String",
    # With a hyphen and the longest name of a Region it has at most 63 characters, as S3 wants it.
    "AllowedPattern": "[a-z0-9][a-z0-9-]{1,45}[a-z0-9]",
    "Description": "What the names of the S3 buckets with the code begin with. A hyphen and the Region follow.",
}


def expanded_template(source: dict[str, Any], key: str) -> dict[str, Any]:
    """Return what SAM makes of a template, with code in a bucket of the Region that it is deployed to.

    Args:
        source: the template as it is written; it stays as it is.
        key: of the code in each of the buckets. Another key makes another version of the function.
    """
    template = json.loads(json.dumps(source))
    for resource in template["Resources"].values():
        if resource["Type"] == FUNCTION_KIND:
            # The version is named after this: other code has to make another one.
            resource["Properties"]["CodeUri"] = {"Bucket": CODE_BUCKET, "Key": key}
        # How it is built, and what explains findings of gates: nothing of that is for whoever deploys it.
        resource.pop("Metadata", None)
    template["Globals"]["Function"].pop("CodeUri")
    template["Metadata"] = {
        # What linters need not say stays explained.
        "cfn-lint": template["Metadata"]["cfn-lint"],
        INTERFACE: _with_code_bucket(template["Metadata"][INTERFACE]),
    }
    template["Parameters"] = {CODE_BUCKET: PARAMETER, **template["Parameters"]}
    translator = Translator({}, Parser(), boto_session=Session(region_name=NO_REGION))
    expanded: dict[str, Any] = json.loads(json.dumps(translator.translate(template, parameter_values={})))
    for resource in expanded["Resources"].values():
        resource.pop("Metadata", None)
        if resource["Type"] == "AWS::Lambda::Function":
            # Not before: of a function with an alias SAM would put in the Region that it runs for.
            resource["Properties"]["Code"] = {
                "S3Bucket": {"Fn::Sub": f"${{{CODE_BUCKET}}}-${{AWS::Region}}"},
                "S3Key": key,
            }
    return expanded


def template_text(template: dict[str, Any]) -> str:
    """Return a template as YAML.

    Raises:
        ValueError: it is for one Region alone, or CloudFormation would refuse it because it is too long.
    """
    text = yaml.safe_dump(template, sort_keys=False, width=120)
    if NO_REGION in text:
        raise ValueError("SAM has put a Region into the template: it could be deployed to no other")
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"the template has {len(text.encode())} bytes, and CloudFormation takes {MOST_BYTES} at most")
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Write template and code into the folder that is named, and print both names."""
    parser = argparse.ArgumentParser(prog="python -m release.expanded_template", description="See the module.")
    parser.add_argument("built", type=Path, help="folder of the built function, .aws-sam/build/LifecycleActionFunction")
    parser.add_argument("output", type=Path, help="folder to write to")
    chosen = parser.parse_args(arguments)
    archive = code_archive(chosen.built)
    name = archive_name(archive)
    chosen.output.mkdir(parents=True, exist_ok=True)
    text = template_text(expanded_template(yaml_parse(TEMPLATE.read_text(encoding="utf-8")), name))
    (chosen.output / name).write_bytes(archive)
    (chosen.output / "expanded.yaml").write_text(text, encoding="utf-8")
    sys.stdout.write(f"{chosen.output / 'expanded.yaml'}\n{chosen.output / name}\n")


def _with_code_bucket(interface: dict[str, Any]) -> dict[str, Any]:
    group = {"Label": {"default": "Where the code is"}, "Parameters": [CODE_BUCKET]}
    label = {CODE_BUCKET: {"default": "Beginning of the names of the buckets"}}
    return {
        "ParameterGroups": [group, *interface["ParameterGroups"]],
        "ParameterLabels": label | interface["ParameterLabels"],
    }


if __name__ == "__main__":
    main()
