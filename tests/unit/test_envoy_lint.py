"""The lint of Envoy's files: good as committed, and each broken rule is named."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Edit = Callable[[Any], object]


@pytest.fixture(scope="module")
def lint(root: Path) -> Callable[[Path], list[Any]]:
    """`lint.lint`; the folder is no package, its modules import each other by bare name."""
    sys.path.insert(0, str(root / "envoy"))
    try:
        module = importlib.import_module("lint")
    finally:
        sys.path.remove(str(root / "envoy"))
    found: Callable[[Path], list[Any]] = module.lint
    return found


def copied(root: Path, folder: Path, file: str = "", edit: Edit | None = None) -> Path:
    """A copy of `envoy/` with one file changed by `edit`."""
    for source in (root / "envoy").glob("*.yaml"):
        text = source.read_text(encoding="utf-8")
        if source.name == file and edit is not None:
            tree = yaml.safe_load(text)
            edit(tree)
            # Quoted throughout: PyYAML would leave the key n bare, which is a finding of its own.
            text = yaml.dump(tree, Dumper=Unaliased, default_style='"', sort_keys=False)
        (folder / source.name).write_text(text, encoding="utf-8")
    return folder


class Unaliased(yaml.SafeDumper):
    """Writes shared parts out, each on its own."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the signature is PyYAML's
        """Whether a part is written out each time: always."""
        return True


def manager(tree: Any) -> Any:
    """The HTTP connection manager in listener.yaml."""
    return tree["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def http_filter(tree: Any, position: int) -> Any:
    """An HTTP filter: 0 buffer, 1 known key, 2 json_to_metadata, 3 ext_authz, 4 LiteLLM's key."""
    return manager(tree)["http_filters"][position]["typed_config"]


def route(tree: Any, name: str) -> Any:
    """A route of routes.yaml by its name."""
    return next(r for r in tree["resources"][0]["virtual_hosts"][0]["routes"] if r["name"] == name)


def gate(tree: Any) -> Any:
    """The question about the key, before a large body."""
    return http_filter(tree, 1)["extension_config"]["typed_config"]


def unasked(tree: Any) -> Any:
    """What the question is left out by."""
    return http_filter(tree, 1)["xds_matcher"]["matcher_list"]["matchers"][0]["predicate"][
        "single_predicate"
    ]


def logger(tree: Any, position: int) -> Any:
    """An access logger: 0 the file, 1 the stream to accounting."""
    return manager(tree)["access_log"][position]


def common(tree: Any) -> Any:
    """What the stream to accounting has in common with other streams."""
    return logger(tree, 1)["typed_config"]["common_config"]


def fields(tree: Any) -> Any:
    """The fields of the log file."""
    return logger(tree, 0)["typed_config"]["log_format"]["json_format"]


def routes(tree: Any) -> Any:
    """The list of routes."""
    return tree["resources"][0]["virtual_hosts"][0]["routes"]


def cluster(tree: Any, position: int) -> Any:
    """A cluster: 0 authz, 1 litellm, 2 accounting_log."""
    return tree["resources"][position]


UNKNOWN_TYPE = "type.googleapis.com/envoy.x.v3.Y"
LISTENER: dict[str, Edit] = {
    "Unknown field": lambda t: http_filter(t, 3).update(failure_mode_alow=True),
    "no such type": lambda t: http_filter(t, 3).update(
        {"@type": "type.googleapis.com/envoy.x.v3.Y"}
    ),
    "ext_authz.failure_mode_allow": lambda t: http_filter(t, 3).update(failure_mode_allow=True),
    "ext_authz.status_on_error": lambda t: http_filter(t, 3).pop("status_on_error"),
    "ext_authz.validate_mutations": lambda t: http_filter(t, 3).pop("validate_mutations"),
    "ext_authz.metadata_context_namespaces": lambda t: http_filter(t, 3).pop(
        "metadata_context_namespaces"
    ),
    "there is no cluster nowhere": lambda t: http_filter(t, 3)["grpc_service"]["envoy_grpc"].update(
        cluster_name="nowhere"
    ),
    "ext_authz.grpc_service.retry_policy": lambda t: http_filter(t, 3)["grpc_service"].update(
        envoy_grpc={
            "cluster_name": "authz",
            "retry_policy": http_filter(t, 3)["grpc_service"].pop("retry_policy"),
        }
    ),
    "http_filters: must be": lambda t: manager(t)["http_filters"].reverse(),
    "credential_injector.overwrite": lambda t: http_filter(t, 4).update(overwrite=True),
    "the body key service_tier is not": lambda t: http_filter(t, 2)["request_rules"].update(
        rules=[
            r for r in http_filter(t, 2)["request_rules"]["rules"] if "service_tier" not in str(r)
        ]
    ),
    "extract as is": lambda t: http_filter(t, 2)["request_rules"]["rules"][1]["on_present"].update(
        type="STRING"
    ),
    "no rule sets `unreadable`": lambda t: http_filter(t, 2)["request_rules"]["rules"][0].pop(
        "on_error"
    ),
    "preserve_external_request_id": lambda t: manager(t).update(preserve_external_request_id=True),
    "internal_address_config": lambda t: manager(t).update(
        internal_address_config={"unix_sockets": True}
    ),
    "upgrade_configs": lambda t: manager(t).update(upgrade_configs=[{"upgrade_type": "websocket"}]),
    "use_remote_address": lambda t: manager(t).pop("use_remote_address"),
    "path_with_escaped_slashes": lambda t: manager(t).pop("path_with_escaped_slashes_action"),
    "client-sent x-pedagio-*": lambda t: manager(t).pop("early_header_mutation_extensions"),
    "local_reply_config.body_format": lambda t: manager(t)["local_reply_config"].update(
        body_format={"json_format": {"error": "x"}}
    ),
    "local_reply_config.mappers[2]": lambda t: manager(t)["local_reply_config"]["mappers"][2][
        "filter"
    ]["response_flag_filter"]["flags"].append("UAEX"),
    "rds.route_config_name": lambda t: manager(t)["rds"].update(route_config_name="other"),
    "everybody passes without a hold": lambda t: http_filter(t, 3)["grpc_service"].update(
        initial_metadata=[{"key": "x-pedagio-stage", "value": "key"}]
    ),
    "else it places a hold of its own": lambda t: gate(t)["grpc_service"].pop("initial_metadata"),
    "must ask the cluster that ext_authz asks": lambda t: gate(t)["grpc_service"].update(
        envoy_grpc={"cluster_name": "litellm"}
    ),
    "must fail closed, with 503": lambda t: gate(t).update(failure_mode_allow=True),
    "it may set no header": lambda t: gate(t).pop("decoder_header_mutation_rules"),
    "bodies above 65535 bytes must be asked about": lambda t: unasked(t)["value_match"][
        "safe_regex"
    ].update(regex="[0-9]+"),
    "leave out by content-length only": lambda t: unasked(t)["input"]["typed_config"].update(
        header_name="x-user-id"
    ),
    "access_log file: filter DownstreamEnd": lambda t: logger(t, 0).pop("filter"),
    "access_log file added_us": lambda t: fields(t).pop("added_us"),
    "access_log file reason": lambda t: fields(t).update(reason="-"),
    "access_log file who: would write a secret": lambda t: fields(t).update(
        who="%REQ(AUTHORIZATION)%"
    ),
    "access_log file path: would write a secret": lambda t: fields(t).update(path="%REQ(:PATH)%"),
    "access_log: http_grpc is missing": lambda t: manager(t)["access_log"].pop(1),
    "access_log stream: filter by xds.route_name": lambda t: logger(t, 1).pop("filter"),
    "the metered route embeddings is not in its filter": lambda t: logger(t, 1)["filter"][
        "extension_filter"
    ]["typed_config"].update(expression="xds.route_name in ['chat', 'responses']"),
    "log the response header content-type": lambda t: logger(t, 1)["typed_config"].update(
        additional_response_headers_to_log=["set-cookie"]
    ),
    "json_to_metadata prompt: must be absent": lambda t: http_filter(t, 2)["request_rules"][
        "rules"
    ][1].update(selectors=[{"key": "prompt"}]),
    "no request headers": lambda t: logger(t, 1)["typed_config"].update(
        additional_request_headers_to_log=["authorization"]
    ),
    "buffer_size_bytes": lambda t: common(t).pop("buffer_size_bytes"),
    "buffer_flush_interval": lambda t: common(t).pop("buffer_flush_interval"),
    "access_log_options": lambda t: manager(t).pop("access_log_options"),
    "initial_metadata": lambda t: common(t)["grpc_service"].update(
        initial_metadata=[{"key": "authorization", "value": "Bearer a-key-in-git"}]
    ),
    "access_log stream: there is no cluster": lambda t: common(t)["grpc_service"][
        "envoy_grpc"
    ].update(cluster_name="nobody"),
}
ROUTES: dict[str, Edit] = {
    "validate_clusters": lambda t: t["resources"][0].pop("validate_clusters"),
    "there is no cluster nowhere": lambda t: route(t, "chat")["route"].update(cluster="nowhere"),
    "route chat: max_stream_duration": lambda t: route(t, "chat")["route"].pop(
        "max_stream_duration"
    ),
    "timeout must be 0s": lambda t: route(t, "chat")["route"].pop("timeout"),
    "idle_timeout is missing": lambda t: route(t, "unmetered_post")["route"].pop("idle_timeout"),
    "retry_on 5xx": lambda t: route(t, "chat")["route"]["retry_policy"].update(
        retry_on="connect-failure,5xx"
    ),
    "request_body_buffer_limit": lambda t: route(t, "embeddings").pop("request_body_buffer_limit"),
    "must take POST only": lambda t: route(t, "chat")["match"].pop("headers"),
    "json_to_metadata must run": lambda t: route(t, "chat").update(
        typed_per_filter_config=route(t, "unmetered_post")["typed_per_filter_config"]
    ),
    "ext_authz must not be changed": lambda t: route(t, "models").update(
        typed_per_filter_config=route(t, "not_found")["typed_per_filter_config"]
    ),
    "/v1/images/edits: the metered path has no": lambda t: routes(t).remove(
        route(t, "image_edits")
    ),
    "route images: json_to_metadata must run": lambda t: route(t, "images").update(
        typed_per_filter_config=route(t, "unmetered_post")["typed_per_filter_config"]
    ),
    "route transcriptions envoy.filters.http.json_to_metadata: must be disabled": lambda t: route(
        t, "transcriptions"
    )["typed_per_filter_config"].pop("envoy.filters.http.json_to_metadata"),
    "route image_edits: must take POST only": lambda t: route(t, "image_edits")["match"].pop(
        "headers"
    ),
    "no earlier route refuses a query": lambda t: routes(t).pop(0),
    "/v1/responses: the metered path has no": lambda t: routes(t).remove(route(t, "responses")),
    "route embeddings envoy.filters.http.buffer": lambda t: route(t, "embeddings").update(
        typed_per_filter_config=route(t, "chat")["typed_per_filter_config"]
    ),
    "route chat pedagio.known_key": lambda t: route(t, "chat")["typed_per_filter_config"].update(
        route(t, "models")["typed_per_filter_config"]
    ),
    "match an exact `path`": lambda t: route(t, "models").update(match={"prefix": "/v1/models"}),
    "a prefix in disguise": lambda t: route(t, "method_refused")["match"]["safe_regex"].update(
        regex="/v1/images/.*"
    ),
    "the last route must be": lambda t: routes(t).pop(),
}
CLUSTERS: dict[str, Edit] = {
    "needs two endpoints": lambda t: cluster(t, 0)["load_assignment"]["endpoints"][0][
        "lb_endpoints"
    ].pop(),
    "needs a gRPC health check": lambda t: cluster(t, 0).pop("health_checks"),
    "needs outlier detection": lambda t: cluster(t, 0).pop("outlier_detection"),
    "litellm: raise the circuit breakers": lambda t: cluster(t, 1).pop("circuit_breakers"),
    "the key must be a file in /etc/envoy-secrets": lambda t: next(
        iter(cluster(t, 2)["typed_extension_protocol_options"].values())
    ).pop("http_filters"),
}
BOOTSTRAP: dict[str, Edit] = {
    "admin.address": lambda t: t["admin"].update(
        address={"socket_address": {"address": "127.0.0.1", "port_value": 9901}}
    ),
    "admin.allow_paths": lambda t: t["admin"].pop("allow_paths"),
}
CASES = [
    pytest.param(file, problem, edit, id=f"{file}: {problem}")
    for file, edits in (
        ("listener.yaml", LISTENER),
        ("routes.yaml", ROUTES),
        ("clusters.yaml", CLUSTERS),
        ("envoy.yaml", BOOTSTRAP),
    )
    for problem, edit in edits.items()
]


def test_lint_of_committed_files_finds_nothing(
    lint: Callable[[Path], list[Any]], root: Path
) -> None:
    """What is committed passes."""
    assert [str(finding) for finding in lint(root / "envoy")] == []


@pytest.mark.parametrize(("file", "problem", "edit"), CASES)
def test_lint_of_one_broken_rule_names_file_and_place(
    lint: Callable[[Path], list[Any]],
    root: Path,
    tmp_path: Path,
    file: str,
    problem: str,
    edit: Edit,
) -> None:
    """Every rule fires, in the file that was changed, with words to search for."""
    found = [str(finding) for finding in lint(copied(root, tmp_path, file, edit))]
    assert [line for line in found if problem in line and line.startswith(file)], found


def test_lint_of_bare_n_names_the_line(
    lint: Callable[[Path], list[Any]], root: Path, tmp_path: Path
) -> None:
    """Bare `n` is text to PyYAML and `false` to Envoy, which then refuses the whole listener."""
    path = copied(root, tmp_path) / "listener.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('"n"', "n"), encoding="utf-8")
    (first, *_) = (str(finding) for finding in lint(tmp_path))
    assert first.startswith("listener.yaml: line ")
    assert "quote n" in first
