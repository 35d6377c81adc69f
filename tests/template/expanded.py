"""The template as CloudFormation gets it: after the SAM transform."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from boto3.session import Session
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped] # the package ships no types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped] # the same
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the same

ROOT = Path(__file__).parents[2]
DURABLE = "LifecycleActionFunction"
"""What the logical ids of the durable function, its role, its rule and its alias begin with."""

TEMPLATE = ROOT / "template.yaml"


def source() -> dict[str, Any]:
    """Return `template.yaml` as it is written; each caller may change what it gets."""
    template: dict[str, Any] = pickle.loads(_parsed())  # noqa: S301 - pickled below
    return template


@cache
def _parsed() -> bytes:
    # Read once: it takes a fifth of a second, and more than a hundred tests look into it.
    return pickle.dumps(yaml_parse(TEMPLATE.read_text()))


@dataclass(frozen=True)
class Expanded:
    """A CloudFormation template.

    Attributes:
        template: the whole of it.
    """

    template: dict[str, Any]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of the resources of a kind, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind
        }

    def only(self, kind: str) -> tuple[str, dict[str, Any]]:
        """Return logical id and properties of the one resource of a kind; of several, of the durable function's.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = list(self.of(kind).items())
        if len(found) > 1:
            found = [(name, properties) for name, properties in found if name.startswith(DURABLE)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} resources of {kind}")
        return found[0]

    def resolve(self, value: Any, parameters: dict[str, Any] | None = None) -> Any:
        """Return `value` with conditions and parameters put in; references to resources give their logical ids.

        Args:
            value: a part of the template.
            parameters: values of parameters; those not given have their defaults.
        """
        chosen = {name: parameter["Default"] for name, parameter in self.template["Parameters"].items()}
        return self._resolved(value, chosen | (parameters or {}))

    def _resolved(self, value: Any, parameters: dict[str, Any]) -> Any:  # noqa: PLR0911, C901 - one line a function
        match value:
            case {"Ref": str(name)}:
                return parameters.get(name, name)
            case {"Fn::If": [condition, met, unmet]}:
                holds = self._resolved(self.template["Conditions"][condition], parameters)
                return self._resolved(met if holds else unmet, parameters)
            case {"Fn::Equals": [one, other]}:
                return self._resolved(one, parameters) == self._resolved(other, parameters)
            case {"Fn::Join": [str(between), list(parts)]}:
                resolved = [self._resolved(part, parameters) for part in parts]
                return between.join(str(part) for part in resolved if part != "AWS::NoValue")
            case {"Fn::Not": [condition]}:
                return not self._resolved(condition, parameters)
            case {"Fn::And": list(conditions)}:
                return all(self._resolved(condition, parameters) for condition in conditions)
            case {"Fn::Or": list(conditions)}:
                return any(self._resolved(condition, parameters) for condition in conditions)
            case {"Condition": str(condition)}:
                return self._resolved(self.template["Conditions"][condition], parameters)
            case dict():
                return {name: self._resolved(inner, parameters) for name, inner in value.items()}
            case list():
                return [self._resolved(inner, parameters) for inner in value]
            case _:
                return value


def expand(template: dict[str, Any]) -> Expanded:
    """Return what the SAM transform makes of `template`; each caller may change what it gets."""
    return Expanded(pickle.loads(_expanded(pickle.dumps(template))))  # noqa: S301 - pickled below


@lru_cache(maxsize=4)
def _expanded(template: bytes) -> bytes:
    packaged: dict[str, Any] = pickle.loads(template)  # noqa: S301 - pickled above
    for resource in packaged["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # Where `sam package` would have put the code.
            resource["Properties"]["CodeUri"] = {"Bucket": "artifacts", "Key": "function"}
    translator = Translator({}, Parser(), boto_session=_session())
    return pickle.dumps(translator.translate(packaged, parameter_values={}))


@cache
def _session() -> Session:
    return Session(region_name="us-west-2")
