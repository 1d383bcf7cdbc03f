"""Puts the channels together that an installation has."""

import asyncpg

from accounting.notify.channel import Channel
from accounting.notify.mail import Mail, Relay
from accounting.notify.texts import Texts
from accounting.notify.webhook import Webhook
from accounting.notify.worker import Worker
from accounting.settings import AccountingSettings


def notice_workers(pool: asyncpg.Pool, settings: AccountingSettings) -> list[Worker]:
    """One, or none where nothing is configured: then notices wait, three days at most."""
    channels: list[Channel] = []
    public_url = settings.public_url.rstrip("/")
    if settings.smtp_host and settings.mail_from:
        relay = Relay(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_transport,
            settings.smtp_user,
            settings.smtp_password,
        )
        page = settings.credit_url or (public_url and f"{public_url}/my")
        texts = Texts(settings.text_dir, settings.unit, page, settings.contact)
        channels.append(Mail(relay, settings.mail_from, texts))
    if settings.notify_webhook_url:
        channels.append(Webhook(settings.notify_webhook_url, settings.notify_webhook_secret))
    if not channels:
        return []
    admins = [each.strip() for each in settings.admin_emails.split(",") if each.strip()]
    return [Worker(pool, channels, admins, settings.language, public_url)]
