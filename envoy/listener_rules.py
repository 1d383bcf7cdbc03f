"""What must hold inside the listener: whom Envoy believes, its filters, its own answers."""

import functools
from collections.abc import Iterator
from typing import Any, Final

from configuration import (
    AUTHZ_FILTER,
    BUFFER_FILTER,
    GATE_FILTER,
    JSON_FILTER,
    KEY_FILTER,
    Configuration,
    Finding,
)

STRIPPED_PREFIXES: Final = ("x-pedagio-", "x-litellm-", "x-envoy-")
NAMESPACE: Final = "pedagio.body"
HIDING_FILTER: Final = "envoy.filters.http.header_mutation"
FILTER_ORDER: Final = [
    BUFFER_FILTER,
    GATE_FILTER,
    JSON_FILTER,
    AUTHZ_FILTER,
    KEY_FILTER,
    HIDING_FILTER,
    "envoy.filters.http.router",
]
WAYS_PAST_AUTHZ: Final = (
    "failure_mode_allow",
    "http_service",
    "filter_enabled",
    "shadow_mode",
    "with_request_body",
)

# Body keys that bound the cost of a call.
BOUNDING_KEYS: Final = frozenset(
    {
        "model",
        "stream",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n",
        "best_of",
        "service_tier",
        "background",
        "previous_response_id",
        "conversation",
        "store",
        "user",
    }
)
# What people wrote: it stays in Envoy.
TEXTS: Final = frozenset({"prompt", "input", "instructions", "messages", "text"})
# Body keys that authz refuses.
REFUSED_KEYS: Final = frozenset(
    {
        "no-log",
        "num_retries",
        "max_retries",
        "api_base",
        "api_key",
        "base_url",
        "custom_llm_provider",
        "mock_response",
        "timeout",
        "request_timeout",
        "cache",
        "caching",
        "no-cache",
        "user_config",
        "litellm_call_id",
        "litellm_trace_id",
        "drop_params",
        "use_litellm_proxy",
        "region_name",
        "organization",
        "input_cost_per_token",
        "output_cost_per_token",
        "guardrails",
        "web_search_options",
    }
)

Findings = Iterator[Finding]
in_listener = functools.partial(Finding, "listener.yaml")


def trust(configuration: Configuration) -> Findings:
    """Nothing a client sends can name a hold, an account or another path."""
    manager = configuration.manager
    for name in ("preserve_external_request_id", "internal_address_config", "upgrade_configs"):
        if manager.get(name):
            yield in_listener(name, "must be absent: it trusts the client")
    for name in ("use_remote_address", "normalize_path", "merge_slashes"):
        if manager.get(name) is not True:
            yield in_listener(name, "must be true")
    if manager.get("path_with_escaped_slashes_action") != "REJECT_REQUEST":
        yield in_listener("path_with_escaped_slashes_action", "must be REJECT_REQUEST")
    mutations = [
        mutation.get("remove_on_match", {}).get("key_matcher", {}).get("prefix")
        for extension in manager.get("early_header_mutation_extensions", [])
        for mutation in extension["typed_config"].get("mutations", [])
    ]
    for prefix in STRIPPED_PREFIXES:
        if prefix not in mutations:
            yield in_listener(
                "early_header_mutation_extensions", f"client-sent {prefix}* is not removed"
            )


def filters(configuration: Configuration) -> Findings:
    """Know the key, read the body, ask, add LiteLLM's key, hide LiteLLM, send: no way around."""
    if list(configuration.filters) != FILTER_ORDER:
        yield in_listener("http_filters", f"must be {', '.join(FILTER_ORDER)}")
        return
    authz = configuration.filters[AUTHZ_FILTER]
    wanted: dict[str, Any] = {
        "status_on_error": {"code": 503},
        "validate_mutations": True,
        "metadata_context_namespaces": [NAMESPACE],
        "transport_api_version": "V3",
    }
    for name, value in wanted.items():
        if authz.get(name) != value:
            yield in_listener(f"ext_authz.{name}", f"must be {value}")
    service = authz.get("grpc_service", {})
    if not service.get("retry_policy") or service.get("envoy_grpc", {}).get("retry_policy"):
        where = "ext_authz.grpc_service.retry_policy"
        yield in_listener(where, "must be here: below envoy_grpc it loads and does nothing")
    for name in WAYS_PAST_AUTHZ:
        if authz.get(name):
            yield in_listener(f"ext_authz.{name}", "must be absent: a way past authz")
    if configuration.filters[KEY_FILTER].get("overwrite"):
        yield in_listener("credential_injector.overwrite", "must be false (pass_through)")


def body_keys(configuration: Configuration) -> Findings:
    """Every key authz judges is extracted as it is; an unreadable body says so."""
    rules = configuration.filters.get(JSON_FILTER, {}).get("request_rules", {}).get("rules", [])
    extracted, flagged = set(), False
    for rule in rules:
        present, key = rule.get("on_present", {}), rule["selectors"][0]["key"]
        if len(rule["selectors"]) != 1 or present != {"metadata_namespace": NAMESPACE, "key": key}:
            yield in_listener(f"json_to_metadata {key}", f"extract as is, into {NAMESPACE}")
        extracted.add(key)
        error = rule.get("on_error", {})
        flagged |= error == {"metadata_namespace": NAMESPACE, "key": "unreadable", "value": True}
    for missing in sorted((BOUNDING_KEYS | REFUSED_KEYS) - extracted):
        yield in_listener("json_to_metadata", f"the body key {missing} is not extracted")
    for text in sorted(TEXTS & extracted):
        yield in_listener(f"json_to_metadata {text}", "must be absent: prompts stay in Envoy")
    if not flagged:
        yield in_listener("json_to_metadata", "no rule sets `unreadable` on_error")


def local_replies(configuration: Configuration) -> Findings:
    """Envoy words its own answers only, never a refusal of authz (a local reply too)."""
    replies = configuration.manager.get("local_reply_config", {})
    if "body_format" in replies:
        yield in_listener("local_reply_config.body_format", "must be absent: it rewrites refusals")
    for number, mapper in enumerate(replies.get("mappers", [])):
        flags = mapper["filter"].get("response_flag_filter", {}).get("flags", [])
        by_details = "response.code_details" in str(mapper["filter"].get("extension_filter", {}))
        if not by_details and (not flags or "UAEX" in flags):
            yield in_listener(
                f"local_reply_config.mappers[{number}]", "select by code details, or flags but UAEX"
            )
