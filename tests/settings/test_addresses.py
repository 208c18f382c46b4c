"""A password in an address shows nowhere: what cannot be understood is refused without it, the rest is told safely."""

from pathlib import Path
from urllib.parse import quote

import pytest

from ai.ledger.postgres import read_url
from ai.settings import Settings
from ai.settings.sources import SettingsError, load_settings

SECRET = "hunter2"
ADDRESSES = {name.upper() for name in Settings.model_fields if name.endswith("_url")} - {"DATABASE_URL", "PUBLIC_URL"}


@pytest.mark.parametrize(
    "password",
    ["hunter2/x", "1/hunter2", "x/hunter2@y", "hunter2%zz", "%hunter2", "hunter2 x", "a@hunter2", "a@hunter2/b",
     "12/hunter2", "hunter2/", "a@b?hunter2", "x]hunter2/", "hunter2?a=b@c/", "ü/hunter2"],
)  # fmt: skip
def test_a_password_that_is_not_escaped_stops_the_start_and_is_not_shown(tmp_path: Path, password: str) -> None:
    for url in (f"postgresql://genesis:{password}@localhost/purse", f"postgres://:{password}@db:5432/purse"):
        with pytest.raises(SettingsError) as told:
            load_settings({"DATABASE_URL": url}, tmp_path)
        said = str(told.value)
        assert said.startswith("DATABASE_URL: its value is wrong: ")
        assert SECRET not in said
        assert password not in said
        assert "%2F" in said, "what would be right is said"
        assert "\n" not in said


@pytest.mark.parametrize(
    "url",
    [
        "host=db password=hunter2 x",
        "host=db password='hunter2",
        "host=db pasword=hunter2",
        "host=db port=hunter2 dbname=purse",
        "host='u:hunter2@db' dbname=purse",
        "postgresql://db/purse?pasword=hunter2",
        "postgresql://db:hunter2/purse",
        "postgresql://db/purse@hunter2",
        "mysql://u:hunter2@db/purse",
        "sqlite://hunter2",
        "sqlite:///",
        "u:hunter2@db",
        "postgresql+psycopg://u:hunter2@db/purse",
    ],
)
def test_whatever_is_refused_is_refused_without_its_value(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings({"DATABASE_URL": url}, tmp_path)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://genesis:hunter2@db:5433/purse", "db:5433/purse"),
        ("postgres://genesis:hunter2@/purse", "localhost:5432/purse"),
        ("postgresql://genesis:hunter2@a,b:6000/purse", "a,b:,6000/purse"),
        ("postgresql://genesis:hunter2@[::1]/purse", "::1:5432/purse"),
        ("postgresql:///purse?host=/run/postgresql&password=hunter2", "/run/postgresql:5432/purse"),
        ("host=db dbname=purse user=genesis password=hunter2", "db:5432/purse"),
        ("host=db dbname=purse password='hunter2'", "db:5432/purse"),
        ("service=purse password=hunter2", "localhost:5432/"),
        ("postgresql://genesis:hunter2@db/a%2Fb", "db:5432/…"),
        ("host=db dbname='x hunter2' password=hunter2", "db:5432/…"),
        ("password=hunter2", "localhost:5432/"),
        ("dbname=purse sslpassword=hunter2", "localhost:5432/purse"),
    ],
)
def test_every_form_that_libpq_takes_is_taken_and_told_by_its_safe_parts(tmp_path: Path, url: str, where: str) -> None:
    settings = load_settings({"DATABASE_URL": url}, tmp_path)
    assert read_url(settings.purse_url)[1] == where
    assert SECRET in settings.secrets()


@pytest.mark.parametrize("password", ["a/b c%@:?#[]ü", "100%", "//", "p w"])
def test_an_escaped_password_is_hidden_in_every_spelling(tmp_path: Path, password: str) -> None:
    written = quote(password, safe="")
    settings = load_settings({"DATABASE_URL": f"postgresql://u:{written}@db/purse"}, tmp_path)
    assert {password, written} <= set(settings.secrets())
    assert f"password='{password}'" in read_url(settings.purse_url)[0] or password in read_url(settings.purse_url)[0]


def test_a_misread_address_is_not_told_by_the_purse_either() -> None:
    assert read_url("postgresql://genesis:pa/hunter2@db/purse")[1] == "genesis:…/…"
    with pytest.raises(ValueError, match="cannot be read") as told:
        read_url("postgresql://genesis:%hunter2@db/purse")
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_a_password_in_any_other_address_is_a_secret_too(tmp_path: Path, name: str) -> None:
    settings = load_settings({name: "https://user:hunter2%21@proxy.example/v1"}, tmp_path)
    assert {"hunter2%21", "hunter2!"} <= set(settings.secrets())
    with pytest.raises(SettingsError) as told:
        load_settings({name: "htp://user:hunter2@proxy.example/v1"}, tmp_path)
    assert SECRET not in str(told.value)
    with pytest.raises(SettingsError, match="not an http"):
        load_settings({name: "https://["}, tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ADMIN_TOKEN", "1234", "shorter than 16 characters"),
        ("ADMIN_TOKEN", "123456789012345", "shorter than 16 characters"),
        ("ALLOWED_HOSTS", "https://genesis.example", "leave scheme and port out"),
        ("ALLOWED_HOSTS", "a.example b_c.example:80", "is no host name"),
        ("ALLOWED_HOSTS", "*", "is no host name"),
        ("PUBLIC_URL", "genesis.example", "not just scheme and host"),
        ("PUBLIC_URL", "https://genesis.example/page", "not just scheme and host"),
        ("PUBLIC_URL", "https://u:p@genesis.example", "not just scheme and host"),
        ("TRUSTED_PROXIES", "caddy", "no IP address or network"),
        ("TRUSTED_PROXIES", "10.0.0.0/40", "no IP address or network"),
    ],
)
def test_a_wrong_setting_of_the_page_is_named(tmp_path: Path, name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as told:
        load_settings({name: value}, tmp_path)
    assert "\n" not in str(told.value)
    if name == "ADMIN_TOKEN":
        assert value not in str(told.value)


def test_lists_are_separated_by_blanks_or_commas(tmp_path: Path) -> None:
    settings = load_settings(
        {"ALLOWED_HOSTS": "Genesis.example, [fe80::1] 10.0.0.5", "TRUSTED_PROXIES": "127.0.0.1 172.16.0.0/12"}, tmp_path
    )
    assert settings.allowed_hosts == ("genesis.example", "fe80::1", "10.0.0.5")
    assert settings.trusted_proxies == ("127.0.0.1", "172.16.0.0/12")
    assert (
        load_settings({"PUBLIC_URL": "https://Genesis.example:443/"}, tmp_path).public_url == "https://genesis.example"
    )
    assert Settings().allowed_hosts == ()
