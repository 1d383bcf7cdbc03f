"""What must hold across Envoy's files, whatever else the platform team changes in them.

Each rule is a generator of findings; `RULES` lists them. The reasons are in the messages, because
that is where somebody reads them.
"""

import functools
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

from access_log_rules import access_log_file, access_log_key, access_log_stream
from configuration import AUTHZ_FILTER, GATE_FILTER, JSON_FILTER, Configuration, Finding, Tree
from known_key_rules import known_key, known_key_unasked, metered_bodies
from listener_rules import body_keys, filters, local_replies, trust
from paths import FLAT_FORMS, HELD, METERED

LARGEST_BODY_BYTES: Final = 16 * 1024 * 1024
# A retry after LiteLLM saw the call is a second bill.
SAFE_RETRIES: Final = frozenset({"connect-failure", "reset-before-request"})
ADMIN_MODE: Final = 0o600

Findings = Iterator[Finding]
in_bootstrap = functools.partial(Finding, "envoy.yaml")
in_listener = functools.partial(Finding, "listener.yaml")
in_routes = functools.partial(Finding, "routes.yaml")
in_clusters = functools.partial(Finding, "clusters.yaml")


def _label(route: Tree) -> str:
    return f"route {route.get('name') or route.get('match')}"


def _upstream_routes(configuration: Configuration) -> list[Tree]:
    return [route for route in configuration.routes if "route" in route]


def _methods(route: Tree) -> set[str]:
    """Methods a route is restricted to; empty when it takes all."""
    headers = route["match"].get("headers", [])
    return {
        header.get("string_match", {}).get("exact", "")
        for header in headers
        if header["name"] == ":method"
    }


def references(configuration: Configuration) -> Findings:
    """Clusters and route tables named somewhere exist."""
    rds = configuration.manager.get("rds", {})
    if rds.get("route_config_name") != configuration.route_table["name"]:
        yield in_listener("rds.route_config_name", "is not the name in routes.yaml")
    if configuration.route_table.get("validate_clusters") is not True:
        yield in_routes("validate_clusters", "must be true: else a typo is a 503")
    for route in _upstream_routes(configuration):
        cluster = route["route"].get("cluster")
        if cluster not in configuration.clusters:
            yield in_routes(_label(route), f"there is no cluster {cluster}")
    service = configuration.filters.get(AUTHZ_FILTER, {}).get("grpc_service", {})
    cluster = service.get("envoy_grpc", {}).get("cluster_name")
    if cluster not in configuration.clusters:
        yield in_listener("ext_authz", f"there is no cluster {cluster}")


def upstream_routes(configuration: Configuration) -> Findings:
    """What reaches LiteLLM was approved, may talk for long, and is never sent twice."""
    for route in _upstream_routes(configuration):
        action, where = route["route"], _label(route)
        if AUTHZ_FILTER in route.get("typed_per_filter_config", {}):
            yield in_routes(where, "ext_authz must not be changed per route")
        if "max_stream_duration" not in action:
            yield in_routes(where, "max_stream_duration is missing: holds end first")
        llm = _methods(route) != {"GET"}
        if llm and action.get("timeout") != "0s":
            yield in_routes(where, "timeout must be 0s: the default of 15 s cuts answers")
        if llm and "idle_timeout" not in action:
            yield in_routes(where, "idle_timeout is missing: reasoning may be silent")
        retries = set(filter(None, action.get("retry_policy", {}).get("retry_on", "").split(",")))
        for unsafe in sorted(retries - SAFE_RETRIES):
            yield in_routes(where, f"retry_on {unsafe} may bill a call twice")


def metered_routes(configuration: Configuration) -> Findings:
    """Each path held for: POST, a body limit, its body read; forms unread. By tokens: no query string either."""
    refused_until: list[Tree] = []
    found = set()
    for route in configuration.routes:
        path = route["match"].get("path")
        if path in HELD and "route" in route:
            found.add(path)
            yield from _form_route(route) if path in FLAT_FORMS else _metered_route(route)
            # Of flat paths authz refuses it, where something is enforced: without an amount nothing is altered.
            if path in METERED and not any(
                _refuses_query(earlier, path) for earlier in refused_until
            ):
                yield in_routes(_label(route), "no earlier route refuses a query string")
        refused_until.append(route)
    for path in sorted(set(HELD) - found):
        yield in_routes(path, "the metered path has no route of its own (exact `path`)")


def _metered_route(route: Tree) -> Findings:
    where = _label(route)
    limit = route.get("request_body_buffer_limit")
    if not isinstance(limit, int) or limit > LARGEST_BODY_BYTES:
        yield in_routes(where, f"request_body_buffer_limit: 1 to {LARGEST_BODY_BYTES}")
    if _methods(route) != {"POST"}:
        yield in_routes(where, "must take POST only")
    if JSON_FILTER in route.get("typed_per_filter_config", {}):
        yield in_routes(where, "json_to_metadata must run: authz would see no model")


def _form_route(route: Tree) -> Findings:
    where = _label(route)
    if _methods(route) != {"POST"}:
        yield in_routes(where, "must take POST only")
    filters = route.get("typed_per_filter_config", {})
    for name in (JSON_FILTER, GATE_FILTER):
        if name not in filters:
            yield in_routes(f"{where} {name}", "must be disabled: uploads would be cut at 1 MiB")


def _refuses_query(route: Tree, path: str) -> bool:
    match = route["match"]
    asks = [h for h in match.get("headers", []) if h["name"] == ":path"]
    by_query = len(match.get("headers", [])) == 1 and any(
        h.get("string_match", {}).get("contains") == "?" for h in asks
    )
    # The regular expressions in use are plain alternations, the same to RE2 and to us.
    pattern = match.get("safe_regex", {}).get("regex", "")
    return by_query and "direct_response" in route and re.fullmatch(pattern, path) is not None


def matches(configuration: Configuration) -> Findings:
    """Exact paths or whole-path expressions; one prefix, the final 404."""
    routes = configuration.routes
    for route in routes[:-1]:
        if not {"path", "safe_regex"} & route["match"].keys():
            yield in_routes(_label(route), "match an exact `path` or a `safe_regex`")
        if ".*" in route["match"].get("safe_regex", {}).get("regex", ""):
            yield in_routes(_label(route), "`.*` in a path expression is a prefix in disguise")
    last = routes[-1]
    status = last.get("direct_response", {}).get("status")
    if last["match"] != {"prefix": "/"} or status != HTTPStatus.NOT_FOUND:
        yield in_routes(_label(last), "the last route must be prefix / with 404")


def clusters(configuration: Configuration) -> Findings:
    """authz: at least two replicas, health-checked over gRPC; both clusters take a crowd."""
    authz = configuration.clusters.get("authz", {})
    endpoints = authz.get("load_assignment", {}).get("endpoints", [{}])[0].get("lb_endpoints", [])
    if len(endpoints) < 2:  # noqa: PLR2004  # two is what survives the loss of one
        yield in_clusters("authz", "needs two endpoints: a restart must refuse nobody")
    if not any("grpc_health_check" in check for check in authz.get("health_checks", [])):
        yield in_clusters("authz", "needs a gRPC health check")
    if "outlier_detection" not in authz:
        yield in_clusters("authz", "needs outlier detection")
    for name, cluster in configuration.clusters.items():
        if not cluster.get("circuit_breakers", {}).get("thresholds"):
            yield in_clusters(name, "raise the circuit breakers (1024 calls)")


def admin(configuration: Configuration) -> Findings:
    """The admin interface can change Envoy: a Unix socket of mode 0600, named paths only."""
    interface = configuration.bootstrap.get("admin", {})
    pipe = interface.get("address", {}).get("pipe")
    if pipe is None or pipe.get("mode") != ADMIN_MODE:
        yield in_bootstrap("admin.address", "must be a `pipe` with mode 384 (0600)")
    if not interface.get("allow_paths"):
        yield in_bootstrap("admin.allow_paths", "must name the paths in use")


RULES: Final[tuple[Callable[[Configuration], Findings], ...]] = (
    references,
    upstream_routes,
    metered_routes,
    matches,
    trust,
    filters,
    body_keys,
    local_replies,
    metered_bodies,
    known_key,
    known_key_unasked,
    access_log_file,
    access_log_stream,
    access_log_key,
    clusters,
    admin,
)
