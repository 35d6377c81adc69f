"""Short pages: every list is asked for in pages of the size that the region is set to.

AWS hands out lists in pages whose length it chooses, so a caller that reads the first page alone works until it
matters. Here the length is put into the request, where it is a parameter of the operation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import create_loader
from moto.core.utils import get_service_model

WITHOUT_PAGINATOR = {
    ("autoscaling", "DescribeInstanceRefreshes"): "MaxRecords",
    ("autoscaling", "DescribeTrafficSources"): "MaxRecords",
}
"""The length of a page of operations that have pages although boto3 has no paginator for them."""

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class PageLimit:
    """The longest page that a request may ask for.

    Attributes:
        parameter: the length of a page as the operation has it on the wire.
        size: entries on a page.
    """

    parameter: str
    size: int

    def in_url(self, url: str) -> str:
        """Return `url` with the limit in its query."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(query=self._in_form(parts.query)))

    def in_body(self, content_type: str, body: bytes) -> bytes | None:
        """Return the body of a request with the limit in it; None when such a body takes no parameters."""
        if "json" in content_type:
            fields = json.loads(body or b"{}")
            fields[self.parameter] = min(int(fields.get(self.parameter) or self.size), self.size)
            return json.dumps(fields).encode()
        if content_type.startswith(FORM):
            return self._in_form(body.decode()).encode()
        return None

    def _in_form(self, form: str) -> str:
        fields = dict(parse_qsl(form, keep_blank_values=True))
        fields[self.parameter] = str(min(int(fields.get(self.parameter) or self.size), self.size))
        return urlencode(fields)


def page_limit(service: str, operation: str, size: int) -> PageLimit | None:
    """Return the limit for a request; None for an operation that has no pages.

    Args:
        service: boto3's name of the service.
        operation: the API's name of the operation.
        size: entries on a page.
    """
    listed = {"limit_key": WITHOUT_PAGINATOR[service, operation]} if (service, operation) in WITHOUT_PAGINATOR else {}
    parameter = _paginators(service).get(operation, listed).get("limit_key")
    if parameter is None:
        return None
    members = get_service_model(service).operation_model(operation).input_shape.members
    name = str(members[parameter].serialization.get("name", parameter))
    # The protocol of EC2 writes the names of parameters with a capital, whatever its model says.
    return PageLimit(name[:1].upper() + name[1:] if service == "ec2" else name, size)


@cache
def _paginators(service: str) -> dict[str, dict[str, str]]:
    try:
        model = create_loader().load_service_model(service, "paginators-1")
    except (DataNotFoundError, UnknownServiceError):
        return {}
    return dict(model["pagination"])
