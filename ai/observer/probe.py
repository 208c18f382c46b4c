"""The container's health check; exits 0 when the daemon answers that it is ready.

Run as a file (`python -I ai/observer/probe.py`), so that it loads none of the rooms and answers on a busy machine too.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 4.0
OK = 200


def main() -> int:
    """Ask /readyz on this machine's loopback; return the exit status and say on stderr what is wrong."""
    port = int(os.environ.get("OBSERVER_PORT") or 8085)
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read(2_000).decode(errors="replace")
    except (OSError, HTTPException) as error:
        sys.stderr.write(f"no answer on port {port}: {error}\n")
        return 1
    finally:
        connection.close()
    if answer.status != OK:
        sys.stderr.write(f"not ready: {body}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
