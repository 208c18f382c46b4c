"""HTML forms as browsers and webhooks send them: a few short text fields, nothing uploaded."""

from urllib.parse import parse_qsl

from starlette.requests import Request

FIELDS = 32  # the largest form here has five


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of an `application/x-www-form-urlencoded` body; empty where it is none."""
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError:
        return {}
