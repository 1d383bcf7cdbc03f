"""The settings of authz, from the environment; each also as NAME_FILE (a file with the value)."""

from pydantic import Field

from credit.settings import Settings


class AuthzSettings(Settings):
    """Safe by default; read only in __main__."""

    database_url: str = Field(
        description="postgresql:// address of the ledger: one server, or several of which one takes writes"
    )
    redis_url: str | None = Field(
        None, description="redis:// address for news; without it Postgres is polled"
    )
    token_keys: str = Field(
        min_length=32, description="secrets of the hold token, comma-separated; the first signs"
    )
    authz_listen: str = Field("127.0.0.1:9001", description="host:port of the gRPC service")
    hold_deadline_s: int = Field(
        2100, ge=1, description="age at which an open hold closes without evidence"
    )
    place_timeout_s: float = Field(
        1.0, gt=0, description="longest wait for the ledger; then the outcome is unknown"
    )
    when_postgres_away: str = Field(
        "bounded",
        pattern="^(bounded|closed)$",
        description="bounded: each paying account may go on up to a cap; closed: everything metered is refused",
    )
    bounded_dir: str = Field(
        "", description="folder for what is granted while Postgres is away; empty: closed"
    )
    bounded_cap_nanos: int = Field(
        500_000_000,
        ge=0,
        description="nano-USD that one replica grants from a paying account in one outage",
    )
    bounded_for_s: float = Field(
        900.0, ge=0, description="longest time in bounded, in seconds; then closed"
    )
    authz_metrics_listen: str = Field(
        "", description="host:port of `GET /metrics` for Prometheus; empty: none"
    )
    language: str = Field(
        "pt-BR", pattern="^(pt-BR|en)$", description="language where no client is known"
    )
    unit: str = Field(
        "credits", pattern="^(credits|usd)$", description="how amounts are shown to people"
    )
    contact: str = Field("", description="whom a refused person may ask")
    credit_url: str = Field("", description="page on which a person asks for more credit")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$",
        description="https:// address of the pages; refusals then carry a short one of their own",
    )
