"""Makes the pages of one installation from its settings."""

import hmac

from accounting.settings import AccountingSettings
from accounting.web import approver_pages, my_pages, person_pages
from accounting.web.app import Web, create_web
from accounting.web.desk import Desk
from accounting.web.guard import Forms, Guard
from accounting.web.look import Look
from credit.settings import split_keys


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
    web = Web(desk, look, forms, settings.public_url.rstrip("/"))
    return create_web(web, person_pages.router, my_pages.router, approver_pages.router)


def _reachable(listen: str) -> str:
    """Whoever listens everywhere is reached on the loopback."""
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in {"0.0.0.0", "[::]", ""} else listen  # noqa: S104 (only compared)
