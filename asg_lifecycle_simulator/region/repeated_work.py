"""What moto and botocore do anew for each request or client, although it comes out the same: here it is done once.

Most of the time of a run in virtual time goes into requests and their answers. Nothing of this changes an answer.
"""

from __future__ import annotations

import inspect
import json
import pickle
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore.session
import msgspec
from botocore.auth import SigV4Auth
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader, create_loader
from botocore.useragent import UserAgentString
from moto.cloudformation.models import Stack
from moto.core import models, responses
from moto.core.serialize import XFormedAttributePicker
from moto.dynamodb.parsing import ast_nodes, expressions, validators
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator
from moto.dynamodb.responses import DynamoResult
from moto.ec2.models.instance_types import InstanceTypeOfferingBackend

from asg_lifecycle_simulator.region.dynamodb_items import lighten_items
from asg_lifecycle_simulator.region.repeated_clients import once_for_account, once_for_settings
from asg_lifecycle_simulator.region.simple_updates import carry_out_simple_updates
from asg_lifecycle_simulator.region.written_answers import write_answers_faster

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from botocore.awsrequest import AWSRequest
    from moto.core.responses import ActionContext
    from moto.core.serialize import AttributePickerContext


def avoid_repeated_work(replace: Callable[[object, str, object], None]) -> None:
    """Do it once.

    Args:
        replace: sets an attribute of an object until the region is left.
    """
    replace(XFormedAttributePicker, "get_possible_keys", POSSIBLE_KEYS)
    replace(responses, "method_names_from_class", MethodNames)
    replace(boto3, "client", CLIENT)
    replace(boto3, "Session", SESSION)
    replace(botocore.session, "create_loader", LOADER)
    replace(JSONFileLoader, "_load_file", _load_file)
    replace(EventAliaser, "_alias_event_name", ALIASES)
    replace(Stack, "parse_template", staticmethod(_read_template))
    replace(ClientCreator, "_load_service_model", SERVICE_MODEL)
    replace(ClientCreator, "_create_client_class", CLIENT_CLASS)
    replace(DynamoResult, "execute_result", DYNAMODB_ANSWER)
    lighten_items(replace)
    write_answers_faster(replace)
    carry_out_simple_updates(replace)
    replace(PARSER, "make", _parsed)
    replace(validators, "deepcopy", _copied)
    replace(TRAVERSER, "traverse_node_recursively", _traversed)
    for only_looks in (ActionCountValidator, OverlappingPathsValidator):
        replace(only_looks, "traverse", ONCE)
    replace(InstanceTypeOfferingBackend, "matches_filters", _matches)
    replace(UserAgentString, "to_string", lambda _: USER_AGENT)
    replace(SigV4Auth, "add_auth", _with_scope(SigV4Auth.add_auth))


class MethodNames:
    """The names of the methods of a class of moto, which lists them all only to look for one.

    Args:
        responses: the class.
    """

    def __init__(self, responses: type) -> None:
        self._responses = responses

    def __contains__(self, name: object) -> bool:
        """Return whether it has a method of that name."""
        return inspect.isfunction(getattr(self._responses, str(name), None))


@contextmanager
def addresses_known() -> Iterator[None]:
    """Have the list of AWS's addresses made once: moto makes its 1,288 entries for each region."""
    made = vars(models)["CallbackResponse"]
    vars(models)["CallbackResponse"] = ADDRESS
    try:
        yield
    finally:
        vars(models)["CallbackResponse"] = made


def _possible_keys(find: Callable[[Any, AttributePickerContext], Iterable[str]]) -> Callable[..., tuple[str, ...]]:
    """Return `XFormedAttributePicker.get_possible_keys` so that it finds the names of a member once.

    For each member of an answer moto tries the names under which a model may have it. They depend on the member, on
    its shape and the one around it, and on the class of the model, never on its values.

    Args:
        find: finds them, as moto does.
    """
    known: dict[tuple[object, ...], tuple[str, ...]] = {}

    def possible_keys(picker: XFormedAttributePicker, context: AttributePickerContext) -> tuple[str, ...]:
        shape: Any = context.shape
        around = getattr(shape, "parent", None)
        place = (
            type(picker),
            tuple(picker.alias_providers),
            type(context.obj),
            context.key,
            context.service_model.service_name if context.service_model is not None else None,
            (shape.name, shape.type_name, shape.serialization.get("name")) if shape is not None else None,
            around.name if around is not None else None,
        )
        if (keys := known.get(place)) is None:
            keys = known[place] = tuple(dict.fromkeys(find(picker, context)))
        return keys

    return possible_keys


def _once_for_a_service(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of `ClientCreator`, whose first argument is a service, so that it runs once for each service.

    A model keeps what it has found out about its operations, and the class of a service's clients depends on it alone.
    """
    known: dict[str, Any] = {}

    def once(creator: ClientCreator, service_name: str, *arguments: object, **named: object) -> object:
        if (made := known.get(service_name)) is None:
            made = known[service_name] = make(creator, service_name, *arguments, **named)
        return made

    return once


def _aliases(find: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    """Return `EventAliaser._alias_event_name` so that it looks for the name of an event once.

    It looks through a list of names that is the same for all clients. A few hundred events have names.
    """
    known: dict[str, str] = {}

    def alias_of(aliaser: EventAliaser, event: str) -> str:
        if (alias := known.get(event)) is None:
            alias = known[event] = find(aliaser, event)
        return alias

    return alias_of


def _load_file(_: JSONFileLoader, path: str, open_file: Callable[..., Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return a model of botocore, read five times as fast; it keeps the order of its keys in this way, too."""
    if not Path(path).is_file():
        return None
    with open_file(path, "rb") as file:
        return msgspec.json.decode(file.read())


def _matches(backend: Any, offering: dict[str, Any], filters: Any, location: str) -> bool:  # noqa: ANN401 - moto's own
    """Return whether a type of instances is meant; a launch asks it of more than a thousand."""
    if filters.keys() == {"instance-type"}:
        return offering.get("InstanceType") in filters["instance-type"]
    matches: bool = MATCHES(backend, offering, filters, location)
    return matches


def _read_template(template: str) -> Any:  # noqa: ANN401 - a template is any JSON or YAML
    """Return a stack's template. Most are JSON, which moto reads as YAML: a hundred times as slowly."""
    try:
        return json.loads(template)
    except ValueError:
        return READ_TEMPLATE(template)


def _dynamodb_answer(serialize: Callable[..., Any]) -> Callable[..., Any]:
    """Return `DynamoResult.execute_result` so that items, which are in the form of the wire already, are only written.

    What holds anything that JSON has no type for (bytes, dates) is left to moto.
    """

    def execute_result(answer: DynamoResult, context: ActionContext) -> object:
        result: Any = answer.result
        try:
            body = json.dumps({key: value for key, value in result.items() if value is not None})
        except TypeError:
            return serialize(answer, context)
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, body

    return execute_result


@cache
def _parsed(expression: str) -> object:
    """Return an update expression parsed. moto only looks at this tree: it validates and carries out a copy."""
    tree = PARSE(expression)
    tree.text = expression
    return tree


@cache
def _pickled(expression: str) -> bytes:
    return pickle.dumps(_parsed(expression))


def _copied(tree: Any) -> Any:  # noqa: ANN401 - moto has no types for them
    """Return a copy of a parsed expression, or of a value; several times as fast as `deepcopy`."""
    text = getattr(tree, "text", None)
    return pickle.loads(_pickled(text) if text is not None else pickle.dumps(tree))  # noqa: S301 - pickled here


def _once_for_expression(check: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a traverser's `traverse` so that an expression that it found right is not looked through again.

    For traversers that only look, at nothing but the expression and what its names stand for.
    """
    right: set[tuple[object, ...]] = set()

    def traverse(traverser: Any, tree: Any) -> Any:  # noqa: ANN401 - as above
        names = getattr(traverser, "expression_attribute_names", None) or {}
        key = (type(traverser), tree.text, *sorted(names.items()))
        if key not in right:
            check(traverser, tree)
            right.add(key)
        return tree

    return traverse


@cache
def _kinds(traverser: Hashable, node: Hashable) -> tuple[bool, bool]:
    """Return whether a class is one of nodes at all, and whether the traversers of a class process it."""
    asked: Any = traverser
    processed = asked.nodes_to_be_processed(asked.__new__(asked))
    return issubclass(cast("type", node), NODE), issubclass(cast("type", node), processed)


def _traversed(traverser: Any, node: Any, child_id: int = -1) -> Any:  # noqa: ANN401 - moto has no types for them
    """Process a tree as `DepthFirstTraverser.traverse_node_recursively` does, with each class looked at once."""
    is_node, is_processed = _kinds(cast("Hashable", type(traverser)), cast("Hashable", type(node)))
    if is_node:
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, number)
            _traversed(traverser, child, number)
        if is_processed:
            node = traverser.process(node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
    return node


def _with_scope(sign: Callable[[Any, AWSRequest], None]) -> Callable[[Any, AWSRequest], None]:
    """Return `SigV4Auth.add_auth` so that it says for which service and Region a request is, and signs none.

    A signature is looked at where it is part of a URL, and there it is made.
    """

    def add_auth(auth: Any, request: AWSRequest) -> None:  # noqa: ANN401 - the stubs know none of its attributes
        if auth.__class__ is not SigV4Auth:
            sign(auth, request)
            return
        of = vars(auth)
        scope = f"{auth.credentials.access_key}/20000101/{of['_region_name']}/{of['_service_name']}/aws4_request"
        request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"

    return add_auth


USER_AGENT = "Boto3"
TRAVERSER: Any = vars(ast_nodes)["DepthFirstTraverser"]
ONCE = _once_for_expression(TRAVERSER.traverse)
NODE: Any = vars(ast_nodes)["Node"]
PARSER: Any = vars(expressions)["UpdateExpressionParser"]
PARSE = PARSER.make
POSSIBLE_KEYS = _possible_keys(XFormedAttributePicker.get_possible_keys)
SERVICE_MODEL = _once_for_a_service(vars(ClientCreator)["_load_service_model"])
ADDRESS = cache(vars(models)["CallbackResponse"])
LOADER = cache(create_loader)
"""Each session would read the models of its services and the endpoints of all Regions again."""

ALIASES = _aliases(vars(EventAliaser)["_alias_event_name"])
MATCHES = InstanceTypeOfferingBackend.matches_filters
READ_TEMPLATE = Stack.parse_template
CLIENT = once_for_settings(boto3.client)
SESSION = once_for_account(boto3.Session)
CLIENT_CLASS = _once_for_a_service(vars(ClientCreator)["_create_client_class"])
DYNAMODB_ANSWER = _dynamodb_answer(DynamoResult.execute_result)
