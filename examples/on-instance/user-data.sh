#!/bin/sh
# User data of a launch template: the instance goes into service when this has signalled that it is ready. The plan of
# the launch hook waits with {kind: wait-for-signal, options: {name: ready}, timeout: 15m, on_failure: abandon}.
set -u

prepare() {
  systemctl start web && curl -sf --retry 30 --retry-connrefused --retry-delay 2 http://localhost:8080/health
}

if prepare; then
  asg-lifecycle-signal ready
else
  asg-lifecycle-signal ready failure "web did not become healthy"
fi
