"""Leaves in a copy of botocore only what the function's services need: `sam build` runs it, see the Makefile.

    python reduce_botocore.py FOLDER/botocore/data

The function makes clients of a twentieth of AWS's services. The list of all endpoints alone takes longer to read, on
each cold start, than the models of those that a heartbeat needs.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

SERVICES = {
    # botocore's name of the service, and its name in the list of endpoints
    "autoscaling": "autoscaling",
    "cloudwatch": "monitoring",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "ecs": "ecs",
    "eks": "eks",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "events": "events",
    "lambda": "lambda",
    "resourcegroupstaggingapi": "tagging",
    "route53": "route53",
    "secretsmanager": "secretsmanager",
    "servicediscovery": "servicediscovery",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "stepfunctions": "states",
    "sts": "sts",
    "vpc-lattice": "vpc-lattice",
}


def reduce(data: Path) -> None:
    """Leave out, below botocore's folder `data`, all other services, and older versions of the API of these."""
    found = {folder.name for folder in data.iterdir() if folder.is_dir()}
    if missing := SERVICES.keys() - found:
        raise SystemExit(f"botocore has no {', '.join(sorted(missing))} in {data}")
    for other in found - SERVICES.keys():
        shutil.rmtree(data / other)
    for service in SERVICES:
        *older, _ = sorted(folder for folder in (data / service).iterdir() if folder.is_dir())
        for folder in older:
            shutil.rmtree(folder)
    endpoints = json.loads((data / "endpoints.json").read_text())
    wanted = set(SERVICES.values())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: of for name, of in partition["services"].items() if name in wanted}
    (data / "endpoints.json").write_text(json.dumps(endpoints, separators=(",", ":")))


if __name__ == "__main__":
    reduce(Path(sys.argv[1]))
