"""Makes the pages of one installation from its settings."""

import hmac
from typing import Final

from accounting.settings import AccountingSettings
from accounting.web import (
    account_pages,
    approver_pages,
    audit_pages,
    exception_pages,
    mode_pages,
    model_pages,
    my_pages,
    oidc_pages,
    overview_page,
    people_pages,
    person_pages,
    plan_pages,
    purchase_pages,
    request_pages,
    sign_in_pages,
    team_pages,
    usage_pages,
)
from accounting.web.app import Web, create_web
from accounting.web.desk import Desk
from accounting.web.guard import Forms, Guard
from accounting.web.look import Look
from accounting.web.oidc import BACK, Oidc
from credit.settings import split_keys

ROUTERS: Final = (
    mode_pages.router,
    request_pages.router,
    plan_pages.router,
    team_pages.router,
    exception_pages.router,
    audit_pages.router,
    model_pages.router,
    purchase_pages.router,
    usage_pages.router,
    sign_in_pages.router,
    oidc_pages.router,
    overview_page.router,
    people_pages.router,
    account_pages.router,
    person_pages.router,
    my_pages.router,
    approver_pages.router,
)


def pages_of(settings: AccountingSettings) -> Guard:
    """The application; it asks the services where `admin_listen` is."""
    own = split_keys(settings.admin_token)[0]
    forms = Forms(hmac.digest(own, b"pedagio pages v1", "sha256"))
    look = Look(
        forms,
        language=settings.language,
        unit=settings.unit,
        zone=settings.zone,
        contact=settings.contact,
        secure=settings.public_url.startswith("https://"),
    )
    desk = Desk(_reachable(settings.admin_listen), own.decode())
    public_url = settings.public_url.rstrip("/")
    return create_web(Web(desk, look, forms, public_url, _provider(settings)), *ROUTERS)


def _provider(settings: AccountingSettings) -> Oidc | None:
    """None where no provider is set; half of one is a mistake that is said at once."""
    if not settings.oidc_issuer:
        return None
    public_url = settings.public_url.rstrip("/")
    if not (settings.oidc_client_id and settings.oidc_client_secret and public_url):
        raise ValueError(
            "PEDAGIO_OIDC_ISSUER needs PEDAGIO_OIDC_CLIENT_ID, PEDAGIO_OIDC_CLIENT_SECRET and PEDAGIO_PUBLIC_URL"
        )
    return Oidc(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret,
        f"{public_url}{BACK}",
    )  # fmt: skip


def _reachable(listen: str) -> str:
    """Whoever listens everywhere is reached on the loopback."""
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in {"0.0.0.0", "[::]", ""} else listen  # noqa: S104 (only compared)
