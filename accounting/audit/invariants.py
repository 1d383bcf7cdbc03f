"""The promises that the books keep at every moment, as the auditor asks them.

Source: protocol.md 1 (I1 to I5) and 6 (Auditor). docs/reference/invariants.md lists them for people;
a test holds the two equal. Each statement is in sql/audit.sql under the invariant's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# How the minute's run narrows an invariant:
#   account: to the accounts that changed since the last run;
#   row: to the rows written since the last run;
#   whole: not at all: only accounts looked at whole (a part of them each minute), or everything.
Level = Literal["account", "row", "whole"]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise; `counts` names what of `count_rows` it looks at; `freezes`: a breach is about an account."""

    name: str
    promise: str
    counts: str
    level: Level = "row"
    freezes: bool = True


PLACEMENT = "placement"
REFUSAL = "refusal"
GUARDS = "guards"
SEAL = "seal"

STATED: tuple[Invariant, ...] = (
    Invariant("posted", "what is posted on an account is the sum of its transfers", "accounts", "whole"),
    Invariant("held", "what is held on an account is the sum of its open holds", "accounts", "account"),
    Invariant("grants_posted", "posted is what remains of the account's grants, less a debt", "accounts", "account"),
    Invariant("grant_remaining", "what remains of a grant is the sum of its entries", "accounts", "whole"),
    Invariant("spared", "what remains of an ended grant is spared for open holds", "accounts", "account"),
    Invariant("due_known", "an account knows the next moment at which something of it is due", "accounts", "account"),
    Invariant("advanced", "what was had of allowances to come is the sum of its entries", "accounts", "account"),
    Invariant("requested", "an approved request has a grant of its own, of its account, amount", "accounts", "whole"),
    # A cap is nobody who could be refused: an alarm.
    Invariant("cap_posted", "what is left of a cap is its limit less what counted in this period", "accounts",
              "account", freezes=False),
    Invariant("newest_history", "an account is what the newest row of its history says", "accounts", "account"),
    Invariant("step_posted", "what a transaction changed in posted is what it transferred", "versions"),
    Invariant("step_versions", "no version of an account is missing; each is one change, or one hold", "versions"),
    Invariant("hold_version", "every hold that authz placed made a version of its account", "accounts", "account"),
    Invariant("debit_once", "a usage event is debited once, to the nano, to the account of its hold", "usage_events"),
    Invariant("estimate_once", "no estimate stands beside a later charge of the same hold", "transfers"),
    Invariant("reversal", "a reversal is the mirror of the one transfer that it reverses", "transfers"),
    Invariant("transfer_sides", "a transfer moves a positive amount between two accounts that exist", "transfers"),
    Invariant("hold_state", "a hold is open or closed: never both, never neither", "holds", "account"),
    Invariant("close_sum", "a closed hold captured its estimate plus what was debited until it closed", "closes"),
    Invariant("overage", "overage is what was captured beyond the hold; a hold never shrinks", "closes"),
    Invariant("close_reason", "every closed hold says why", "closes"),
    # About accounting, which is late; the account has done nothing and may be refused nothing for it.
    Invariant("overdue", "no hold is open past its deadline", "open_holds", freezes=False),
    Invariant("refused_placed", "an id that was refused never becomes a hold", "holds", "account"),
)  # fmt: skip

COMPUTED: tuple[Invariant, ...] = (
    Invariant(PLACEMENT, "what authz granted is what the rule grants at the account's version", PLACEMENT),
    Invariant(REFUSAL, "every stored refusal recomputes from the ledger at its version", REFUSAL),
    Invariant(GUARDS, "what the database itself refuses is switched on, unchanged", GUARDS, freezes=False),
    Invariant(SEAL, "no sealed row or link was changed, removed or added", SEAL, freezes=False),
)  # fmt: skip

INVARIANTS: Mapping[str, Invariant] = {each.name: each for each in STATED + COMPUTED}
