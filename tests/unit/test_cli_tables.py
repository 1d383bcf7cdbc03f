"""The tables of `pedagio` on a terminal of 80 columns: every figure and name stays in one piece."""

import io
from typing import Any

import pytest
from rich.console import Console

from accounting.cli.call import _explanations
from accounting.cli.credit import _entries
from accounting.cli.exceptions import _exceptions
from accounting.cli.holds import shown_holds
from accounting.cli.models import _model, _models
from accounting.cli.output import table, width_for
from accounting.oddities import KINDS
from protos.pedagio.v1 import admin_pb2 as pb

COLUMNS = 80
AT_MS = 1_795_000_000_000
HASH = "0123456789ab" * 5


def shown(body: Any) -> str:
    """What a person sees, line ends trimmed."""
    told = io.StringIO()
    Console(file=told, width=COLUMNS, highlight=False).print(body)
    lines = [line.rstrip() for line in told.getvalue().splitlines()]
    assert max(len(line) for line in lines) <= COLUMNS
    return "\n".join(lines)


def test_statement_in_80_columns_folds_the_reason_alone() -> None:
    """A long reason takes more lines; when, kind, amount, reference and actor stay whole."""
    reason = "cota de novembro, pedida pela diretoria e aprovada em reunião"
    seen = shown(
        _entries(
            [
                pb.Entry(kind="charge", amount_nanos=-123_456_789, hold_id=HASH, model="gpt-4o-mini",
                         actor="accounting", event_at_ms=AT_MS),
                pb.Entry(kind="grant", amount_nanos=1_234 * 10**9, reason=reason,
                         actor="ana.beatriz@exemplo.br", event_at_ms=AT_MS),
            ]
        )
    )  # fmt: skip
    charge, grant = (
        next(line for line in seen.splitlines() if k in line) for k in ("charge", "grant")
    )
    assert "-US$0.123456789" in charge
    assert "012345  accounting" in charge
    assert charge.endswith("gpt-4o-mini")
    assert "US$1,234.00" in grant
    assert "ana.beatriz…" in grant
    for word in reason.split():
        assert word in seen


def test_holds_in_80_columns_name_each_reason_and_say_it_once() -> None:
    """The code stands in the line, its meaning below the table."""
    hold = pb.Hold(
        hold_id=HASH, account=pb.AccountName(client="librechat", external_id="maria"),
        model="text-embedding-3-small", amount_nanos=79_213_000, age_s=12, reason="report_missing",
        frees_at_ms=AT_MS,
    )  # fmt: skip
    seen = shown(shown_holds([hold, hold]))
    assert seen.count("US$0.079213") == seen.count("12 s") == 2
    assert seen.count("report_missing: nothing heard from LiteLLM yet") == 1
    assert seen.count("text-embeddin…") == 2


def test_models_in_80_columns_keep_names_and_prices_whole() -> None:
    """Names and prices as they are in LiteLLM's configuration."""
    model = pb.Model(
        name="text-embedding-3-small", priced=True, input_picos=150_000_000,
        output_picos=600_000_000, context_tokens=1_047_576, max_output_tokens=128_000,
        fallbacks=["gpt-4o-mini", "gpt-4.1-nano"],
    )  # fmt: skip
    line = next(line for line in shown(_models([model])).splitlines() if "text-emb" in line)
    for cell in ("text-embedding-3-small", "US$150.00", "US$600.00", "1,047,576", "128,000"):
        assert cell in line


def test_deployments_in_80_columns_have_short_ids() -> None:
    """LiteLLM's own ids are hashes of 64 characters; the JSON has them whole."""
    place = pb.ModelDeployment(
        model_id=HASH, model="openai/gpt-4o-mini", priced=True, custom_price=True,
        input_picos=150_000, output_picos=600_000,
    )  # fmt: skip
    seen = shown(_model(pb.Model(name="gpt-4o-mini", priced=True, deployments=[place])))
    line = next(line for line in seen.splitlines() if "openai/" in line)
    for cell in ("0123456789a…", "openai/gpt-4o-mini", "US$0.15", "US$0.60"):
        assert cell in line


@pytest.mark.parametrize(
    ("account", "unknown", "text"),
    [
        (pb.AccountName(client="librechat"), True, "client librechat, person unknown"),
        (pb.AccountName(client="service"), False, "service (own account)"),
        (pb.AccountName(client="librechat", external_id="maria"), False, "librechat / maria"),
    ],
)
def test_explanation_names_the_account_as_far_as_it_was_known(
    account: pb.AccountName,
    unknown: bool,  # noqa: FBT001 (a parameter of the cases)
    text: str,
) -> None:
    """Nobody's refusal is not the client's own; and no empty line ends the answer."""
    each = pb.Explanation(
        hold_id=HASH, account=account, kind="refuse", reason="person_missing", at_ms=AT_MS,
        person_unknown=unknown,
    )  # fmt: skip
    seen = shown(_explanations([each, each], {}))
    assert seen.count(text) == 2
    assert seen.count("\n\n") == 1
    assert not seen.endswith("\n")


def test_exceptions_in_80_columns_fold_the_subject_alone() -> None:
    """An event id is long: it takes more lines; id, when and kind stay whole."""
    subject = f"{HASH[:36]}:success:chatcmpl-68457d27a2c3439fb00ebdda"
    resolution = "preço novo lançado na tabela de novembro"
    each = pb.Exception(
        id=1_234_567, kind="estimate_unpriced", subject=subject, recorded_at_ms=AT_MS,
        resolved_at_ms=AT_MS, resolved_by="ana", resolution=resolution,
    )  # fmt: skip
    seen = shown(_exceptions([each]))
    assert "1234567" in seen
    assert "estimate_unpriced" in seen
    assert seen.split("\n")[2].startswith("1234567  ")
    assert max(map(len, KINDS.values())) + max(map(len, KINDS)) + 2 <= COLUMNS


def test_figure_is_never_cut_where_the_terminal_is_narrow() -> None:
    """Cut, it would be another figure: the terminal wraps the line instead."""
    columns = ("grant", "left", "until")
    rows = [("1", "US$2.298029940", "2026-11-27 16:13:22"), ("2", "US$2.299490741", "")]
    made = table(columns, rows, "none", right=("left",))
    out = io.StringIO()
    Console(file=out, width=width_for(made, 30), highlight=False).print(made)
    for part in ("US$2.298029940", "US$2.299490741", "2026-11-27 16:13:22"):
        assert part in out.getvalue()
    assert width_for(made, 200) == 200
