"""The databases of the integration tests, for the proofs that run on the real ledger."""

from tests.integration.conftest import database_url, pool, postgres_url

__all__ = ["database_url", "pool", "postgres_url"]
