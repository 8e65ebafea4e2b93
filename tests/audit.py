"""``python -m tests.audit``: has anything installed a known vulnerability? Where nobody can be asked it says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PIP_AUDIT = Path(sys.executable).with_name("pip-audit")
SERVICES = ("pypi", "osv")
"""Whom pip-audit can ask; the second where the first knows nothing."""
PATIENCE_SECONDS = 300


def asked(service: str) -> dict[str, Any]:
    """What pip-audit says of everything installed; {} where it got no answer."""
    command = [str(PIP_AUDIT), "--skip-editable", "--progress-spinner=off", "--format=json", "--local"]
    command += [f"--vulnerability-service={service}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS)
        return dict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError):
        return {}


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """How many packages the service knew, and a line for each vulnerability."""
    known = [package for package in report.get("dependencies", []) if "skip_reason" not in package]
    lines = [
        f"{package['name']} {package['version']}: {fault['id']}, fixed in {' or '.join(fault['fix_versions']) or '-'}"
        for package in known
        for fault in package["vulns"]
    ]
    return len(known), lines


def main() -> int:
    """1 if there is a known vulnerability."""
    for service in SERVICES:
        known, lines = verdict(asked(service))
        if known:
            print("\n".join(lines) or f"Audit: {known} installed packages, none with a known vulnerability.")
            return int(bool(lines))
    print("Audit: not done. No service that knows vulnerabilities could be asked from here.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
