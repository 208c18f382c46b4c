"""Write beside each base image's tag the digest that it has at the registry today: `python .ci/digests.py`.

`python:3.12-slim` becomes `python:3.12-slim@sha256:…`, and an older digest the newest, in Dockerfile and
docker-compose.yml. The difference is a person's to read and commit.
"""

import json
import os
import re
import sys
import urllib.request
from pathlib import Path

FILES = ("Dockerfile", "docker-compose.yml")
IMAGE = re.compile(
    r"(?P<before>^(?:FROM|\s+image:) )(?P<name>[a-z0-9/._-]+):(?P<tag>[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.MULTILINE,
)
OWN = "genesis"  # built here, not fetched
REGISTRY = os.environ.get("REGISTRY", "https://registry-1.docker.io")
AUTH = os.environ.get("REGISTRY_AUTH", "https://auth.docker.io/token?service=registry.docker.io")
KINDS = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
TIMEOUT_SECONDS = 30


def digest_of(name: str, tag: str) -> str:
    """Return the digest of what `name:tag` means today, for all platforms. Raises OSError, ValueError."""
    repository = name if "/" in name else f"library/{name}"
    with urllib.request.urlopen(f"{AUTH}&scope=repository:{repository}:pull", timeout=TIMEOUT_SECONDS) as answer:
        token = json.load(answer)["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": KINDS}
    request = urllib.request.Request(f"{REGISTRY}/v2/{repository}/manifests/{tag}", headers=headers, method="HEAD")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        digest = answer.headers.get("Docker-Content-Digest", "")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ValueError(f"the registry gave no digest of {name}:{tag}, but {digest!r}")
    return str(digest)


def main(root: Path) -> int:
    """Write the digests; 1 with one line, and nothing written, where the registry does not give them."""
    texts = {root / name: (root / name).read_text(encoding="utf-8") for name in FILES}
    images = {(found["name"], found["tag"]) for text in texts.values() for found in IMAGE.finditer(text)}
    try:
        digests = {image: digest_of(*image) for image in sorted(images) if image[0] != OWN}
    except (OSError, ValueError, KeyError) as problem:
        print(f"digests: nothing was changed, the registry could not be asked: {problem}", file=sys.stderr)
        return 1

    def pinned(found: re.Match[str]) -> str:
        digest = digests.get((found["name"], found["tag"]))
        return found[0] if digest is None else f"{found['before']}{found['name']}:{found['tag']}@{digest}"

    for path, text in texts.items():
        path.write_text(IMAGE.sub(pinned, text), encoding="utf-8")
    for (name, tag), digest in digests.items():
        print(f"{name}:{tag} is {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent))
