"""Operations are tried on the same purses, SQLite and PostgreSQL, as the credit tracker."""

from tests.credit_tracker.conftest import credit_database, postgres_server, purse, purse_url, store  # noqa: F401 - fixtures for pytest
