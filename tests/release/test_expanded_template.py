"""What a StackSet deploys: the template without a transform, and the code that it names."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from release import code_archive as archives
from release import expanded_template as expansion
from release.code_archive import archive_name, code_archive
from release.expanded_template import CODE_BUCKET, INTERFACE, expanded_template, main, template_text
from tests.template.expanded import Expanded, source
from tests.template.linting import lint

if TYPE_CHECKING:
    from pathlib import Path

KEY = "asg-lifecycle-0123.zip"
NAMES = re.compile(r"(?!PolicyName)\w*Name")
"""The properties that give a resource a name. Inline policies have a name within their role."""


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return expanded_template(source(), KEY)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "built"
    (folder / "handlers").mkdir(parents=True)
    (folder / "handlers" / "sweep.py").write_text("def handler(): ...\n")
    (folder / "a.txt").write_text("a")
    return folder


def test_no_transform_is_left(template: dict[str, Any]) -> None:
    assert "Transform" not in template
    assert "Globals" not in template
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert [kind for kind in kinds if kind.startswith("AWS::Serverless")] == []


def test_every_function_reads_its_code_from_a_bucket_of_its_region(template: dict[str, Any]) -> None:
    functions = Expanded(template).of("AWS::Lambda::Function")
    assert len(functions) == 5
    for name, properties in functions.items():
        expected = {"S3Bucket": {"Fn::Sub": f"${{{CODE_BUCKET}}}-${{AWS::Region}}"}, "S3Key": KEY}
        assert properties["Code"] == expected, name


def test_other_code_makes_another_version_and_the_same_code_none(template: dict[str, Any]) -> None:
    (version,) = Expanded(template).of("AWS::Lambda::Version")
    assert expanded_template(source(), KEY) == template
    (other,) = Expanded(expanded_template(source(), "asg-lifecycle-4567.zip")).of("AWS::Lambda::Version")
    assert version != other


def test_cloudformation_has_nothing_to_say(template: dict[str, Any]) -> None:
    assert lint(Expanded(template)) == []


def test_its_text_is_the_template_and_short_enough(template: dict[str, Any]) -> None:
    text = template_text(template)
    assert yaml.safe_load(text) == template
    with pytest.raises(ValueError, match="CloudFormation takes 1000000 at most"):
        template_text(template | {"Description": "x" * 1_000_000})


def test_a_template_for_one_region_alone_is_refused(template: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="could be deployed to no other"):
        template_text(template | {"Description": f"for {expansion.NO_REGION}"})


def test_every_parameter_is_in_one_group_and_only_the_bucket_has_to_be_chosen(template: dict[str, Any]) -> None:
    interface = template["Metadata"][INTERFACE]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert interface["ParameterLabels"].keys() == template["Parameters"].keys()
    assert [name for name, it in template["Parameters"].items() if "Default" not in it] == [CODE_BUCKET]
    longest = "x" * 47 + "-ap-southeast-1"
    assert re.fullmatch(template["Parameters"][CODE_BUCKET]["AllowedPattern"], longest.removesuffix("-ap-southeast-1"))
    assert len(longest) <= 63


def test_nothing_in_it_is_for_gates_and_builds(template: dict[str, Any]) -> None:
    assert [name for name, resource in template["Resources"].items() if "Metadata" in resource] == []
    assert template["Metadata"].keys() == {"cfn-lint", INTERFACE}


def test_no_name_is_fixed_so_that_stacks_do_not_collide(template: dict[str, Any]) -> None:
    named = {
        f"{name}.{key}": json.dumps(value)
        for name, resource in template["Resources"].items()
        for key, value in resource["Properties"].items()
        if NAMES.fullmatch(key) and "Ref" not in json.dumps(value) and "GetAtt" not in json.dumps(value)
    }
    # The scope of metrics and the display name of a topic are shared on purpose; an alias has a name within a function.
    shared = {name for name in named if name.endswith((".MetricName", ".DisplayName")) or "Alias" in name}
    assert [name for name in named.keys() - shared if "AWS::StackName" not in named[name]] == []


def test_the_source_stays_as_it_is() -> None:
    template = source()
    before = json.dumps(template)
    expanded_template(template, KEY)
    assert json.dumps(template) == before


def test_the_same_files_are_the_same_archive(built: Path) -> None:
    first = code_archive(built)
    for path in built.rglob("*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
        path.chmod(0o700)
    assert code_archive(built) == first
    (built / "a.txt").write_text("b")
    assert archive_name(code_archive(built)) != archive_name(first)


def test_the_archive_holds_the_files_for_everybody_to_read(built: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(code_archive(built))) as archive:
        assert archive.namelist() == ["a.txt", "handlers/sweep.py"]
        assert archive.read("handlers/sweep.py") == b"def handler(): ...\n"
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_what_was_not_built_or_is_too_large_is_refused(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match="build the function first"):
        code_archive(tmp_path / "nothing")
    monkeypatch.setattr(archives, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="Lambda takes 10 at most"):
        code_archive(built)


def test_both_are_written_and_belong_together(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "build"
    main([str(built), str(output)])
    (archive,) = output.glob("*.zip")
    assert hashlib.sha256(archive.read_bytes()).hexdigest()[:20] in archive.name
    template = yaml.safe_load((output / "expanded.yaml").read_text())
    keys = {it["Code"]["S3Key"] for it in Expanded(template).of("AWS::Lambda::Function").values()}
    assert keys == {archive.name}
    assert capsys.readouterr().out.split() == [str(output / "expanded.yaml"), str(archive)]
