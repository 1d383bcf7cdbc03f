"""The settings of accounting, from the environment; each also as NAME_FILE (a file with the value)."""

from typing import Self

from pydantic import Field, model_validator

from credit.money import parse_amount
from credit.settings import Settings


def read_four_eyes(text: str) -> int:
    """Nano-USD; 0 where nothing is set. Reais have no rate here, so they are refused."""
    if not text:
        return 0
    nanos = parse_amount(text)
    if not nanos:
        raise ValueError("PEDAGIO_FOUR_EYES_ABOVE must be above zero: leave it out for no limit")
    return nanos


class AccountingSettings(Settings):
    """Safe by default; read only in __main__."""

    database_url: str = Field(
        description="postgresql:// address of the ledger: one server, or several of which one takes writes"
    )
    redis_url: str | None = Field(
        None, description="redis:// address for news; without it Postgres is polled"
    )
    token_keys: str = Field(min_length=32, description="secrets of the hold token, comma-separated")
    report_keys: str = Field(
        min_length=32, description="secrets that sign reports, comma-separated"
    )
    webhook_keys: str = Field(
        "",
        pattern="^(.{32,})?$",
        description="bearer secrets of LiteLLM's webhook, comma-separated; empty: it is not served",
    )
    admin_token: str = Field(
        min_length=32,
        description="bearer tokens of the installation itself, comma-separated",
    )
    ingest_listen: str = Field(
        "127.0.0.1:8080", description="host:port of the HTTP face for the callback"
    )
    admin_listen: str = Field("127.0.0.1:9002", description="host:port of the gRPC AdminService")
    web_listen: str = Field(
        "", description="host:port of the pages for administrators and people; empty: none"
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="proxies whose X-Forwarded-For the pages believe, comma-separated; empty: nobody's",
    )
    zone: str = Field(
        "America/Sao_Paulo", description="time zone in which the pages write moments and days"
    )
    admin_tls_listen: str = Field(
        "", description="host:port of the same over TLS; empty: it is not served so"
    )
    admin_tls_cert: str = Field("", description="its certificate with the chain, PEM")
    admin_tls_key: str = Field("", description="the key of that certificate, PEM")
    admin_tls_client_ca: str = Field(
        "",
        description="authorities of client certificates, PEM: who connects needs one, whose e-mail says who calls",
    )
    admin_tls_revoked: str = Field(
        "",
        pattern=r"^([0-9A-Fa-f:]{64,95}([,\s]+|$))*$",
        description="SHA-256 of client certificates that count no more, comma-separated",
    )
    access_log_listen: str = Field(
        "127.0.0.1:9003", description="host:port of the gRPC service for Envoy's access log"
    )
    access_log_key: str = Field(
        "",
        pattern="^(.{32,})?$",
        description="secrets that Envoy may show there, comma-separated; empty: it is not served",
    )
    spool_dir: str = Field(
        "",
        description="folder for what comes while Postgres is away; empty: it is answered with 503",
    )
    litellm_url: str = Field("http://127.0.0.1:4000", description="where /model/info is read")
    litellm_key: str = Field(min_length=1, description="LiteLLM's master key, for /model/info only")
    price_file: str | None = Field(
        None, description="LiteLLM's price file; default: found in its package"
    )
    hold_deadline_s: int = Field(
        2100, ge=1, description="age at which a hold that a report brought closes"
    )
    cost_wait_s: float = Field(
        10.0, gt=0, description="how long a complete answer may wait for its cost event"
    )
    language: str = Field(
        "pt-BR", pattern="^(pt-BR|en)$", description="language where no client is known"
    )
    unit: str = Field(
        "credits", pattern="^(credits|usd)$", description="how amounts are shown to people"
    )
    four_eyes_above: str = Field(
        "",
        description="what one administrator gives alone in a day, as US$100; beyond it somebody else confirms",
    )
    contact: str = Field("", description="whom a refused person may ask")
    smtp_host: str = Field("", description="mail server for notices; empty: no mail is sent")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_transport: str = Field(
        "starttls",
        pattern="^(tls|starttls|none)$",
        description="tls from the first byte, starttls, or none (a relay on this host)",
    )
    smtp_user: str = Field("", description="who signs in there; empty: nobody does")
    smtp_password: str = Field("", description="with which password")
    mail_from: str = Field(
        "",
        pattern=r"^(|[^\r\n]*[^\s@<]+@[^\s@>]+>?)$",
        description="sender of notices, as Pedagio <credit@example.com>; without it no mail is sent",
    )
    admin_emails: str = Field(
        "", description="who is told of exceptions, alarms and spending, comma-separated"
    )
    text_dir: str = Field(
        "", description="folder with texts of notices that replace ours, file by file"
    )
    notify_webhook_url: str = Field(
        "",
        description="where notices are posted as signed JSON (Standard Webhooks); empty: nowhere",
    )
    notify_webhook_secret: str = Field(
        "", pattern="^(.{24,})?$", description="the secret that signs them, whsec_ and base64"
    )
    oidc_issuer: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="OpenID provider at which administrators may sign in, as it calls itself; empty: none",
    )
    oidc_client_id: str = Field("", description="what it calls the pages")
    oidc_client_secret: str = Field("", description="the secret that it gave them")
    credit_url: str = Field("", description="page on which a person asks for more credit")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$",
        description="https:// address of the pages; refusals then carry a short one of their own",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """TLS without its certificate would be none."""
        if self.admin_tls_listen and not (self.admin_tls_cert and self.admin_tls_key):
            raise ValueError("PEDAGIO_ADMIN_TLS_LISTEN needs PEDAGIO_ADMIN_TLS_CERT and _KEY")
        return self
