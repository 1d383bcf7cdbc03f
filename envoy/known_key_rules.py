"""What must hold for the question that comes before a large body, whose key it is.

Bodies are parsed on Envoy's workers. Without this question a stranger's few megabytes of numbers stop
everybody; with it put wrongly, everybody would pass without a hold.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any, Final

from configuration import (
    AUTHZ_FILTER,
    BUFFER_FILTER,
    GATE_FILTER,
    Configuration,
    Finding,
    Tree,
)
from paths import READ

# authz/server.py reads this, and answers nothing but whether the key is known.
STAGE: Final = [{"key": "x-pedagio-stage", "value": "key"}]
LARGEST_UNASKED_BYTES: Final = 65_535
LARGER: Final = (65_536, 99_999, 100_000, 999_999, 1_000_000, 16_777_216, 99_999_999)

Findings = Iterator[Finding]
in_listener = functools.partial(Finding, "listener.yaml", GATE_FILTER)
in_routes = functools.partial(Finding, "routes.yaml")


def known_key(configuration: Configuration) -> Findings:
    """Asks authz, fails closed, marks its question; the decision itself is never so marked."""
    gate = configuration.filters.get(GATE_FILTER, {}).get("extension_config", {})
    config: Tree = gate.get("typed_config", {})
    service = config.get("grpc_service", {})
    decision = configuration.filters.get(AUTHZ_FILTER, {}).get("grpc_service", {})
    if "initial_metadata" in decision:
        problem = "must be absent: marked as the key's question, everybody passes without a hold"
        yield Finding("listener.yaml", "ext_authz.grpc_service.initial_metadata", problem)
    if service.get("initial_metadata") != STAGE:
        yield in_listener(f"initial_metadata must be {STAGE}: else it places a hold of its own")
    if service.get("envoy_grpc") != decision.get("envoy_grpc"):
        yield in_listener("must ask the cluster that ext_authz asks")
    if config.get("failure_mode_allow") or config.get("status_on_error") != {"code": 503}:
        yield in_listener("must fail closed, with 503")
    rules = config.get("decoder_header_mutation_rules", {})
    if rules.get("disallow_all") != {"value": True}:
        yield in_listener("decoder_header_mutation_rules: it may set no header")


def metered_bodies(configuration: Configuration) -> Findings:
    """Each metered body is buffered up to its route's own limit, then asked about."""
    for route in configuration.routes:
        if route["match"].get("path") not in READ or "route" not in route:
            continue
        where = f"route {route.get('name')}"
        filters = route.get("typed_per_filter_config", {})
        buffered = filters.get(BUFFER_FILTER, {}).get("buffer", {}).get("max_request_bytes")
        if buffered is None or buffered != route.get("request_body_buffer_limit"):
            problem = "must buffer up to request_body_buffer_limit: else larger bodies hang"
            yield in_routes(f"{where} {BUFFER_FILTER}", problem)
        if GATE_FILTER in filters:
            yield in_routes(
                f"{where} {GATE_FILTER}", "must stay: strangers' bodies are parsed here"
            )


def known_key_unasked(configuration: Configuration) -> Findings:
    """Left out only where the body is small by its length."""
    gate = configuration.filters.get(GATE_FILTER, {})
    matchers = gate.get("xds_matcher", {}).get("matcher_list", {}).get("matchers", [])
    for matcher in matchers:
        expression = _size_expression(matcher)
        if expression is None:
            yield in_listener("leave out by content-length only, with one regular expression")
        elif any(re.fullmatch(expression, str(size)) for size in LARGER):
            yield in_listener(f"bodies above {LARGEST_UNASKED_BYTES} bytes must be asked about")


def _size_expression(matcher: Tree) -> str | None:
    single = matcher.get("predicate", {}).get("single_predicate", {})
    header = single.get("input", {}).get("typed_config", {}).get("header_name")
    expression: Any = single.get("value_match", {}).get("safe_regex", {}).get("regex")
    return str(expression) if header == "content-length" and expression else None
