"""What shows a write: which read of the same services tells what it changes, asked how."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from protos.pedagio.v1 import (
    admin_pb2,
    admins_pb2,
    notices_pb2,
    people_pb2,
    plans_pb2,
    policies_pb2,
    prices_pb2,
)

Read = tuple[str, Message]
# Of the write's request, and of its answer.
Shown = Callable[[Any, Any], Read]
# The most that a page holds: what is not on it is told by the write's own answer.
PAGE: Final = 500


def _balance(request: Any, _answer: Any) -> Read:
    return "AdminService/GetBalance", request.name


def _balance_of_account(request: Any, _answer: Any) -> Read:
    return "AdminService/GetBalance", request.account


def _clients(_request: Any, _answer: Any) -> Read:
    return "AdminService/ListClients", admin_pb2.ListClientsRequest()


def _mode(_request: Any, _answer: Any) -> Read:
    return "AdminService/GetMode", admin_pb2.GetModeRequest()


def _hold(request: Any, _answer: Any) -> Read:
    return "AdminService/Explain", admin_pb2.ExplainRequest(ref=request.hold_id)


def _exceptions(_request: Any, answer: Any) -> Read:
    asked = admin_pb2.ListExceptionsRequest(kind=answer.kind, resolved=True, page_size=PAGE)
    return "AdminService/ListExceptions", asked


def _models(_request: Any, _answer: Any) -> Read:
    return "AdminService/ListModels", admin_pb2.ListModelsRequest()


def _credit(request: Any, _answer: Any) -> Read:
    return "PlanService/GetCredit", request.holder


def _credit_of_grant(_request: Any, answer: Any) -> Read:
    return "PlanService/GetCredit", answer.holder


def _plan(request: Any, _answer: Any) -> Read:
    return "PlanService/GetPlan", plans_pb2.GetPlanRequest(id=request.plan.id)


def _new_pool(request: Any, _answer: Any) -> Read:
    return "PlanService/GetPool", plans_pb2.GetPoolRequest(name=request.name)


def _pool(request: Any, _answer: Any) -> Read:
    return "PlanService/GetPool", plans_pb2.GetPoolRequest(name=request.pool)


def _caps(request: Any, _answer: Any) -> Read:
    if request.cap.pool:
        return "PlanService/GetPool", plans_pb2.GetPoolRequest(name=request.cap.pool)
    return "PlanService/ListCaps", plans_pb2.ListCapsRequest()


def _settings(request: Any, _answer: Any) -> Read:
    return "SettingsService/GetSettings", request.account


def _policy(request: Any, _answer: Any) -> Read:
    subject = policies_pb2.PolicySubject(kind=request.subject.kind, id=request.subject.id)
    return "PolicyService/GetPolicy", subject


def _person(request: Any, _answer: Any) -> Read:
    return "PeopleService/GetPerson", people_pb2.GetPersonRequest(email=request.email)


def _person_bound(_request: Any, answer: Any) -> Read:
    return "PeopleService/GetPerson", people_pb2.GetPersonRequest(email=answer.email)


def _client_people(_request: Any, _answer: Any) -> Read:
    return "PeopleService/ListStrangers", people_pb2.ListStrangersRequest(page_size=1)


def _books(_request: Any, _answer: Any) -> Read:
    return "PriceService/List", prices_pb2.ListBooksRequest(page_size=PAGE)


def _overrides(_request: Any, _answer: Any) -> Read:
    return "PriceService/ListOverrides", prices_pb2.ListOverridesRequest(page_size=PAGE)


def _notices(_request: Any, _answer: Any) -> Read:
    return "NoticeService/ListNotices", notices_pb2.ListNoticesRequest(page_size=PAGE)


def _admins(_request: Any, _answer: Any) -> Read:
    return "AdminsService/ListAdmins", admins_pb2.ListAdminsRequest()


def _proposals(_request: Any, _answer: Any) -> Read:
    return "AdminsService/ListProposals", admins_pb2.ListProposalsRequest(decided=True)


# A write that is not here tells by its answer alone: an import and its undoing say themselves whom they change,
# a purchase is new, thresholds have no read.
READS: Final[Mapping[str, Shown]] = {
    "AdminService/CreateClient": _clients,
    "AdminService/SetClientEnabled": _clients,
    "AdminService/OpenAccount": _balance,
    "AdminService/SetAccountStatus": _balance,
    "AdminService/Grant": _balance,
    "AdminService/SetMode": _mode,
    "AdminService/SyncModels": _models,
    "AdminService/ReleaseHold": _hold,
    "AdminService/ResolveException": _exceptions,
    "PeopleService/BindPerson": _person,
    "PeopleService/UnbindPerson": _person_bound,
    "PeopleService/ErasePerson": _person,
    "PeopleService/SetClientPeople": _client_people,
    "PlanService/PutPlan": _plan,
    "PlanService/AssignPlan": _credit,
    "PlanService/GiveCredit": _credit,
    "PlanService/RevokeGrant": _credit_of_grant,
    "PlanService/CreatePool": _new_pool,
    "PlanService/SetMember": _pool,
    "PlanService/RemoveMember": _pool,
    "PlanService/SetCap": _caps,
    "PlanService/ClearCap": _caps,
    "PolicyService/SetPolicy": _policy,
    "PriceService/Import": _books,
    "PriceService/Override": _overrides,
    "ReportService/Enforce": _mode,
    "SettingsService/SetSettings": _settings,
    "SettingsService/SetEmail": _balance_of_account,
    "NoticeService/RetryNotice": _notices,
    "AdminsService/AddAdmin": _admins,
    "AdminsService/SetRoles": _admins,
    "AdminsService/NewToken": _admins,
    "AdminsService/RevokeToken": _admins,
    "AdminsService/RemoveAdmin": _admins,
    "AdminsService/ConfirmProposal": _proposals,
    "AdminsService/DenyProposal": _proposals,
}


def read_of(method: str, request: Any, answer: Any) -> Read | None:
    """What to ask before and after; None: nothing tells."""
    return READS[method](request, answer) if method in READS else None
