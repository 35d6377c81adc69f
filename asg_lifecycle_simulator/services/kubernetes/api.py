"""The API of a simulated cluster: the part of it that draining and waiting for nodes needs, as a WSGI application."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from asg_lifecycle_simulator.services.kubernetes.cluster import EvictionForbiddenError, SeveralBudgetsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster
    from asg_lifecycle_simulator.services.kubernetes.objects import Node, Pod

TOKEN_PREFIX = "k8s-aws-v1."  # noqa: S105 - what every token of EKS begins with
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"

RULES = Map(
    [
        Rule("/api/v1/nodes", methods=["GET"], endpoint="list nodes"),
        Rule("/api/v1/nodes/<name>", methods=["GET"], endpoint="get nodes"),
        Rule("/api/v1/nodes/<name>", methods=["PATCH"], endpoint="patch nodes"),
        Rule("/api/v1/nodes/<name>", methods=["DELETE"], endpoint="delete nodes"),
        Rule("/api/v1/pods", methods=["GET"], endpoint="list pods"),
        Rule("/api/v1/namespaces/<namespace>/pods", methods=["GET"], endpoint="list pods"),
        Rule("/apis/apps/v1/namespaces/<namespace>/deployments/<name>", methods=["GET"], endpoint="get deployments"),
        Rule("/api/v1/namespaces/<namespace>/pods/<name>", methods=["DELETE"], endpoint="delete pods"),
        Rule("/api/v1/namespaces/<namespace>/pods/<name>/eviction", methods=["POST"], endpoint="create pods/eviction"),
    ]
)
"""Paths, by the verb and resource that RBAC allows or forbids."""


SELECTOR_COMMAS = re.compile(r",(?![^(]*\))")
"""The commas between the requirements of a label selector: not those between the values of one."""

IN_SET = re.compile(r"(?P<key>\S+) (?P<operator>in|notin) \((?P<values>[^)]*)\)")


class StatusError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, reason: str, message: str, causes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        details = {"causes": [{"reason": "DisruptionBudget", "message": cause} for cause in causes]}
        self.code = code
        self.plain = {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
            "details": details,
        }


class Api:
    """The API server of a cluster.

    Attributes:
        asked: how often each verb and resource was asked for.
        last_token: the token of the last request.
    """

    def __init__(self, cluster: Cluster, region: Region) -> None:
        self._cluster = cluster
        self._region = region
        self.asked: dict[str, int] = {}
        self.last_token = ""
        self._operations: dict[str, Callable[..., dict[str, Any]]] = {
            "list nodes": self._list_nodes,
            "get nodes": self._get_node,
            "patch nodes": self._patch_node,
            "delete nodes": self._delete_node,
            "list pods": self._list_pods,
            "get deployments": self._get_deployment,
            "delete pods": self._delete_pod,
            "create pods/eviction": self._evict,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            verb, arguments = RULES.bind_to_environ(environ).match()
            self.asked[verb] = self.asked.get(verb, 0) + 1
            self._admit(request, verb)
            code, plain = 200, self._operations[verb](request, **arguments)
        except StatusError as error:
            code, plain = error.code, error.plain
        except HTTPException as error:
            code, plain = error.code or 500, StatusError(error.code or 500, "NotFound", str(error)).plain
        return Response(json.dumps(plain), code, content_type="application/json")(environ, start_response)

    def _admit(self, request: Request, verb: str) -> None:
        cluster = self._cluster
        if cluster.down:
            raise StatusError(503, "ServiceUnavailable", "etcdserver: request timed out")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        known = token in cluster.tokens or is_for(token, cluster.name)
        self.last_token = token
        if scheme != "Bearer" or not known or token in cluster.refused_tokens:
            raise StatusError(401, "Unauthorized", "Unauthorized")
        if verb in cluster.errors:
            raise StatusError(*cluster.errors[verb])
        if verb in cluster.forbidden:
            action, _, resource = verb.partition(" ")
            message = f'{resource} is forbidden: User "asg-lifecycle" cannot {action} resource "{resource}"'
            raise StatusError(403, "Forbidden", message)

    def _list_nodes(self, request: Request) -> dict[str, Any]:
        return self._page([node.plain() for node in self._cluster.nodes.values()], "NodeList", request)

    def _get_deployment(self, _: Request, namespace: str, name: str) -> dict[str, Any]:
        if (namespace, name) not in self._cluster.deployments:
            raise StatusError(404, "NotFound", f'deployments.apps "{name}" not found')
        found = self._cluster.deployments[namespace, name]
        return found.plain(self._cluster.available(found))

    def _list_pods(self, request: Request, namespace: str | None = None) -> dict[str, Any]:
        selected = request.args.get("fieldSelector", "").partition("=")
        if selected[0] != "spec.nodeName":
            raise StatusError(400, "BadRequest", f"the simulator selects by spec.nodeName, not {selected[0]!r}")
        labels = request.args.get("labelSelector", "")
        found = [
            pod.plain()
            for pod in self._cluster.pods.values()
            if pod.node == selected[2] and namespace in {None, pod.namespace} and selects(labels, pod.labels)
        ]
        return self._page(found, "PodList", request)

    def _get_node(self, _: Request, name: str) -> dict[str, Any]:
        return self._node(name).plain()

    def _patch_node(self, request: Request, name: str) -> dict[str, Any]:
        node, patch = self._node(name), json.loads(request.data)
        metadata, spec = patch.get("metadata", {}), patch.get("spec", {})
        for kept, changes in ((node.labels, metadata.get("labels")), (node.annotations, metadata.get("annotations"))):
            for key, value in (changes or {}).items():
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value
        if "unschedulable" in spec:
            node.unschedulable = bool(spec["unschedulable"])
        if "taints" in spec:
            if request.mimetype not in {MERGE, STRATEGIC}:
                raise StatusError(415, "UnsupportedMediaType", f"{request.mimetype} is no patch")
            given = {taint["key"]: taint for taint in spec["taints"]}
            # A merge patch replaces lists; a strategic one merges taints by their key.
            before = {} if request.mimetype == MERGE else {taint["key"]: taint for taint in node.taints}
            node.taints = list((before | given).values())
        return node.plain()

    def _delete_node(self, request: Request, name: str) -> dict[str, Any]:
        node = self._node(name)
        _refuse_another(json.loads(request.data) if request.data else {}, node.uid)
        del self._cluster.nodes[name]
        return node.plain()

    def _delete_pod(self, request: Request, namespace: str, name: str) -> dict[str, Any]:
        pod = self._pod(namespace, name)
        options = json.loads(request.data) if request.data else {}
        _refuse_another(options, pod.uid)
        grace = request.args.get("gracePeriodSeconds", options.get("gracePeriodSeconds"))
        self._cluster.delete(pod, float(grace) if grace is not None else None)
        return pod.plain()

    def _evict(self, request: Request, namespace: str, name: str) -> dict[str, Any]:
        pod = self._pod(namespace, name)
        options = json.loads(request.data).get("deleteOptions", {})
        _refuse_another(options, pod.uid)
        try:
            self._cluster.evict(pod, options.get("gracePeriodSeconds"))
        except EvictionForbiddenError as error:
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            raise StatusError(429, "TooManyRequests", message, (str(error),)) from error
        except SeveralBudgetsError as error:
            message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise StatusError(500, "InternalError", message) from error
        return {"apiVersion": "v1", "kind": "Status", "status": "Success", "code": 201}

    def _page(self, items: list[dict[str, Any]], kind: str, request: Request) -> dict[str, Any]:
        asked = int(request.args.get("limit") or len(items) or 1)
        first, limit = int(request.args.get("continue") or 0), min(asked, self._region.page_size or asked)
        more = {"continue": str(first + limit)} if first + limit < len(items) else {}
        return {"apiVersion": "v1", "kind": kind, "metadata": more, "items": items[first : first + limit]}

    def _node(self, name: str) -> Node:
        if name not in self._cluster.nodes:
            raise StatusError(404, "NotFound", f'nodes "{name}" not found')
        return self._cluster.nodes[name]

    def _pod(self, namespace: str, name: str) -> Pod:
        if (namespace, name) not in self._cluster.pods:
            raise StatusError(404, "NotFound", f'pods "{name}" not found')
        return self._cluster.pods[namespace, name]


def selects(selector: str, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector, as a request has it, selects what has these labels."""
    return all(_holds(each.strip(), labels) for each in SELECTOR_COMMAS.split(selector) if each)


def _holds(requirement: str, labels: Mapping[str, str]) -> bool:
    if (found := IN_SET.fullmatch(requirement)) is not None:
        values = {value.strip() for value in found["values"].split(",")}
        return (labels.get(found["key"]) in values) == (found["operator"] == "in")
    if requirement.startswith("!"):
        return requirement[1:] not in labels
    key, equals, value = requirement.partition("=")
    return labels.get(key) == value if equals else key in labels


def _refuse_another(options: dict[str, Any], uid: str) -> None:
    wanted = options.get("preconditions", {}).get("uid")
    if wanted is not None and wanted != uid:
        message = f"the UID in the precondition ({wanted}) does not match the UID in record ({uid})"
        raise StatusError(409, "Conflict", message)


def is_for(token: str, cluster: str) -> bool:
    """Return whether a token is a signed `GetCallerIdentity` that names a cluster, as EKS asks for.

    Source: https://github.com/kubernetes-sigs/aws-iam-authenticator (API authorization from outside a cluster).
    """
    if not token.startswith(TOKEN_PREFIX):
        return False
    text = token.removeprefix(TOKEN_PREFIX)
    url = urlparse(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    fields = {name: values[0] for name, values in parse_qs(url.query).items()}
    signed = fields.get("X-Amz-SignedHeaders", "").split(";")
    # The name itself is only in the signature, which nobody can check without the key.
    return (
        (url.hostname or "").startswith("sts.")
        and fields.get("Action") == "GetCallerIdentity"
        and "x-k8s-aws-id" in signed
        and int(fields.get("X-Amz-Expires", "0")) <= 900  # noqa: PLR2004 - 15 minutes
        and bool(cluster)
    )
