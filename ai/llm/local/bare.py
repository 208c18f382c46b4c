"""What a child process is told of the environment: where programs, temporary files and threads are, and no secret."""

from collections.abc import Mapping

NEEDED = frozenset({
    "PATH", "HOME", "TMPDIR", "TMP", "TEMP", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "LD_LIBRARY_PATH",
    "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8", "VIRTUAL_ENV",
})  # fmt: skip
NEEDED_BEGINNINGS = ("LC_", "OMP_", "GOMP_", "KMP_")
# What a download is steered by; a password of a proxy or of an index stands there because pip is to use it.
FOR_PIP = frozenset({
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "NETRC",
})  # fmt: skip


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of `environ` that any child needs."""
    return {name: value for name, value in environ.items() if name in NEEDED or name.startswith(NEEDED_BEGINNINGS)}


def bare_for_pip(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of `environ` that a child needs to fetch with pip."""
    steering = {
        name: value for name, value in environ.items() if name.upper() in FOR_PIP or name.upper().startswith("PIP_")
    }
    return bare(environ) | steering
