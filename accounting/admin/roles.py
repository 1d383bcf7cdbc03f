"""Which role may call which method: the one table.

A method that is not in it is refused to everybody. `docs/reference/roles.md` shows it, a test compares.
A new method takes one line here and the same one on that page; if it changes something, one more in
`tests/integration/writes.py`, which tests call. Reflection takes its services from this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from accounting.admin.caller import Caller
from accounting.admin.errors import ForbiddenError

VIEWER: Final = frozenset({"viewer"})
SUPPORT: Final = frozenset({"support"})
APPROVER: Final = frozenset({"approver"})
TEAM_LEAD: Final = frozenset({"team_lead"})
TREASURER: Final = frozenset({"treasurer"})
OPERATOR: Final = frozenset({"operator"})

# These reach the people of the pools that they are given for, and those pools.
SCOPED: Final = APPROVER | TEAM_LEAD
SEES_ALL: Final = VIEWER | SUPPORT | TREASURER | OPERATOR
EVERYBODY: Final = SEES_ALL | SCOPED
DESK: Final = SUPPORT | OPERATOR
MONEY: Final = TREASURER | OPERATOR

# Values of Rule.of: the request itself names somebody; or it is about nobody in particular.
ITSELF: Final = ("",)
NOBODY: Final = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """`of`: the fields that name whom it is about, all of which a scoped role must reach.

    `not_own`: those of them that may not name the caller's own account, or a pool that pays for it.
    `gives`: how much credit it gives (accounting/admin/giving.py), which four eyes look at.
    `shows`: a list of pools in the answer, of which a scoped role sees its own.
    `deputies`: also by whoever stands in for somebody of these roles, with that one's pools.
    `installation`: only with the installation's own token, which the pages for people use.
    """

    roles: frozenset[str]
    of: tuple[str, ...] | None = None
    not_own: tuple[str, ...] = ()
    gives: str = ""
    shows: str = ""
    deputies: bool = False
    installation: bool = False


RULES: Final[Mapping[str, Rule]] = {
    "AdminService/CreateClient": Rule(OPERATOR),
    "AdminService/ListClients": Rule(SEES_ALL),
    "AdminService/SetClientEnabled": Rule(OPERATOR),
    "AdminService/OpenAccount": Rule(DESK),
    "AdminService/SetAccountStatus": Rule(DESK, of=("name",), not_own=("name",)),
    "AdminService/Grant": Rule(MONEY | APPROVER, of=("name",), not_own=("name",), gives="amount"),
    "AdminService/GetBalance": Rule(EVERYBODY, of=ITSELF),
    "AdminService/ListStatement": Rule(EVERYBODY, of=("name",)),
    "AdminService/GetMode": Rule(EVERYBODY, of=NOBODY),
    "AdminService/SetMode": Rule(OPERATOR),
    "AdminService/ListHolds": Rule(EVERYBODY, of=("name",)),
    "AdminService/Explain": Rule(SEES_ALL),
    "AdminService/SyncModels": Rule(OPERATOR),
    "AdminService/ListModels": Rule(EVERYBODY, of=NOBODY),
    "AdminService/ReleaseHold": Rule(DESK),
    "AdminService/ListExceptions": Rule(SEES_ALL),
    "AdminService/ResolveException": Rule(DESK | TREASURER),
    "AdminService/ListAlarms": Rule(SEES_ALL),
    "AdminService/RunAudit": Rule(MONEY),
    "AdminService/ReplayAccessLog": Rule(OPERATOR),
    "PlanService/PutPlan": Rule(MONEY, gives="changed_plan"),
    "PlanService/ListPlans": Rule(EVERYBODY, of=NOBODY),
    "PlanService/GetPlan": Rule(EVERYBODY, of=NOBODY),
    "PlanService/AssignPlan": Rule(
        MONEY, of=("holder",), not_own=("holder",), gives="assigned_plan"
    ),
    "PlanService/GetCredit": Rule(EVERYBODY, of=ITSELF),
    "PlanService/GiveCredit": Rule(
        MONEY | APPROVER, of=("holder",), not_own=("holder",), gives="amount"
    ),
    "PlanService/RevokeGrant": Rule(MONEY),
    "PlanService/CreatePool": Rule(MONEY),
    "PlanService/ListPools": Rule(EVERYBODY, of=NOBODY, shows="pools"),
    "PlanService/GetPool": Rule(EVERYBODY, of=("name",)),
    "PlanService/ListPoolStatement": Rule(EVERYBODY, of=("pool",)),
    "PlanService/SetMember": Rule(MONEY, of=("pool", "account"), not_own=("account",)),
    "PlanService/RemoveMember": Rule(
        MONEY | TEAM_LEAD, of=("pool", "account"), not_own=("account",)
    ),
    "PlanService/SetCap": Rule(
        MONEY | TEAM_LEAD, of=("cap.pool", "cap.account"), not_own=("cap.account",)
    ),
    "PlanService/ClearCap": Rule(
        MONEY | TEAM_LEAD, of=("cap.pool", "cap.account"), not_own=("cap.account",)
    ),
    "PlanService/ListCaps": Rule(SEES_ALL),
    "SettingsService/GetSettings": Rule(EVERYBODY, of=ITSELF),
    "SettingsService/SetSettings": Rule(DESK, of=("account",)),
    "SettingsService/SetEmail": Rule(DESK, of=("account",), not_own=("account",)),
    "PolicyService/GetPolicy": Rule(SEES_ALL),
    "PolicyService/ListPolicies": Rule(SEES_ALL),
    "PolicyService/SetPolicy": Rule(OPERATOR, gives="at_once"),
    "PeopleService/ImportPeople": Rule(MONEY, gives="imported_people"),
    "PeopleService/UndoImport": Rule(MONEY, gives="undone_import"),
    "PeopleService/ListImports": Rule(SEES_ALL),
    "PeopleService/ListPeople": Rule(SEES_ALL),
    "PeopleService/GetPerson": Rule(SEES_ALL),
    "PeopleService/BindPerson": Rule(DESK, of=("email", "name"), not_own=("email", "name")),
    "PeopleService/UnbindPerson": Rule(DESK, of=("name",), not_own=("name",)),
    "PeopleService/ErasePerson": Rule(OPERATOR),
    "PeopleService/ListStrangers": Rule(SEES_ALL),
    "PeopleService/SetClientPeople": Rule(OPERATOR, gives="guests"),
    "PriceService/List": Rule(SEES_ALL),
    "PriceService/Diff": Rule(SEES_ALL),
    "PriceService/Import": Rule(OPERATOR),
    "PriceService/Override": Rule(OPERATOR),
    "PriceService/ListOverrides": Rule(SEES_ALL),
    "PurchaseService/RecordPurchase": Rule(MONEY),
    "PurchaseService/ListPurchases": Rule(SEES_ALL),
    "ReportService/Recompute": Rule(SEES_ALL),
    "ReportService/ShadowReport": Rule(SEES_ALL),
    "ReportService/MatchRate": Rule(SEES_ALL),
    "ReportService/Readiness": Rule(SEES_ALL),
    "ReportService/Enforce": Rule(OPERATOR),
    "RequestService/SubmitRequest": Rule(DESK | MONEY | SCOPED, of=("account",)),
    "RequestService/WithdrawRequest": Rule(DESK | MONEY | SCOPED, of=("id",)),
    "RequestService/ListRequests": Rule(EVERYBODY, of=NOBODY, deputies=True),
    "RequestService/GetRequest": Rule(EVERYBODY, of=("id",), deputies=True),
    "RequestService/GetRequestTerms": Rule(EVERYBODY, of=ITSELF),
    "RequestService/ApproveRequest": Rule(
        MONEY | APPROVER, of=("id",), not_own=("id",), gives="requested_credit", deputies=True
    ),
    "RequestService/DenyRequest": Rule(
        MONEY | APPROVER, of=("id",), not_own=("id",), deputies=True
    ),
    "RequestService/ReadDecision": Rule(OPERATOR, installation=True),
    "RequestService/Decide": Rule(OPERATOR, installation=True),
    # One's own; an operator everybody's.
    "RequestService/SetDeputy": Rule(MONEY | APPROVER, of=NOBODY),
    "RequestService/ListDeputies": Rule(MONEY | APPROVER, of=NOBODY),
    "RequestService/ClearDeputy": Rule(MONEY | APPROVER, of=NOBODY),
    "PersonService/OpenAddress": Rule(OPERATOR, installation=True),
    "PersonService/ReadPage": Rule(OPERATOR, installation=True),
    "PersonService/AskCredit": Rule(OPERATOR, installation=True),
    "PersonService/TakeBack": Rule(OPERATOR, installation=True),
    "PersonService/DisputeRefusal": Rule(OPERATOR, installation=True),
    "PersonService/SetOwnSettings": Rule(OPERATOR, installation=True),
    "PersonService/MailAddress": Rule(OPERATOR, installation=True),
    "NoticeService/ListNotices": Rule(SEES_ALL),
    "NoticeService/RetryNotice": Rule(DESK),
    "NoticeService/SetThresholds": Rule(MONEY),
    "UsageService/QueryUsage": Rule(SEES_ALL),
    "AdminsService/WhoAmI": Rule(EVERYBODY, of=NOBODY),
    "AdminsService/ListAdmins": Rule(MONEY),
    "AdminsService/AddAdmin": Rule(OPERATOR),
    "AdminsService/SetRoles": Rule(OPERATOR),
    # One's own tokens; an operator everybody's.
    "AdminsService/NewToken": Rule(EVERYBODY, of=NOBODY),
    "AdminsService/RevokeToken": Rule(EVERYBODY, of=NOBODY),
    "AdminsService/RemoveAdmin": Rule(OPERATOR),
    # And the rule of the method that is proposed.
    "AdminsService/ListProposals": Rule(MONEY | APPROVER, of=NOBODY),
    "AdminsService/ConfirmProposal": Rule(MONEY | APPROVER, of=NOBODY),
    "AdminsService/DenyProposal": Rule(MONEY | APPROVER, of=NOBODY),
    "AdminsService/ListAudit": Rule(SEES_ALL),
    # And the rule of the method that is tried.
    "TrialService/Try": Rule(EVERYBODY, of=NOBODY),
    # The pages ask these before anybody is known.
    "SignInService/SignIn": Rule(OPERATOR, installation=True),
    "SignInService/SignInVouched": Rule(OPERATOR, installation=True),
    "SignInService/SignOut": Rule(OPERATOR, installation=True),
    "SignInService/ReadInvite": Rule(OPERATOR, installation=True),
    "SignInService/SetFirstPassword": Rule(OPERATOR, installation=True),
    "SignInService/ChangePassword": Rule(EVERYBODY, of=NOBODY),
    "SignInService/InviteAdmin": Rule(OPERATOR),
}


def admit(caller: Caller, method: str) -> tuple[Rule, frozenset[int] | None]:
    """The rule of a method, with the ids of the pools within which the caller may use it; None: all.

    Raises ForbiddenError: no role of the caller's is in the rule, or there is no rule.
    """
    rule = RULES.get(method)
    if rule is None:
        raise ForbiddenError(f"{method} is in no role: nobody may call it")
    if rule.installation and not caller.installation:
        raise ForbiddenError("this takes the installation's own token: the pages for people ask it")
    having = _with_lent(caller) if rule.deputies else caller.roles
    held = rule.roles & having.keys()
    if not held:
        mine = ", ".join(sorted(caller.roles)) or "none"
        raise ForbiddenError(f"this takes {' or '.join(sorted(rule.roles))}; your roles: {mine}")
    if held - SCOPED:
        return rule, None
    return rule, frozenset().union(*(having[role] for role in held))


def _with_lent(caller: Caller) -> Mapping[str, frozenset[int]]:
    """The caller's own roles, and those of whom they stand in for."""
    none: frozenset[int] = frozenset()
    names = caller.roles.keys() | caller.lent.keys()
    return {each: caller.roles.get(each, none) | caller.lent.get(each, none) for each in names}


def acts_alone(caller: Caller, rule: Rule) -> bool:
    """Whether the caller's own roles reach everybody here, whomever they stand in for."""
    return bool(rule.roles & caller.roles.keys() - SCOPED)
