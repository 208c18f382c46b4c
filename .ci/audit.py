"""Ask what is known to be vulnerable of what is pinned: `python .ci/audit.py`; 1 where something is, with its names.

Where the data cannot be had, nothing was audited: that is said in one line, and is no failure.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TIMEOUT_SECONDS = 300


def main() -> int:
    """Audit both lists of requirements."""
    vulnerable: list[str] = []
    known = unknown = 0
    for name in ("requirements.txt", "requirements-dev.txt"):
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", ROOT / name]
        options = ["--progress-spinner=off", "--format=json"]
        try:
            ran = subprocess.run(
                [*command, *options], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
            )
            found = json.loads(ran.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError, KeyError):
            found = []
        known += sum("skip_reason" not in dependency for dependency in found)
        unknown += sum("skip_reason" in dependency for dependency in found)
        vulnerable += [
            f"{dependency['name']} {dependency['version']}: {', '.join(vuln['id'] for vuln in dependency['vulns'])}"
            for dependency in found
            if dependency.get("vulns")
        ]
    if not known:
        print("audit: NOTHING WAS AUDITED, as no data on vulnerabilities can be had here")
        return 0
    print(f"audit: {known} pins looked up, {unknown} not listed, {len(vulnerable)} vulnerable", *vulnerable, sep="\n  ")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
