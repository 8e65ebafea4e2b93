"""What the audit makes of pip-audit's reports."""

from __future__ import annotations

from typing import Any

import pytest

from tests import audit

SAFE = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found"}
FAULTY = {"name": "c", "version": "2", "vulns": [{"id": "X-1", "fix_versions": ["2.1", "3.0"]}]}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SAFE, UNKNOWN], 0, "Audit: 1 installed packages, none with a known vulnerability.\n"),
        ([SAFE, FAULTY], 1, "c 2: X-1, fixed in 2.1 or 3.0\n"),
        ([UNKNOWN], 0, "Audit: not done. No service that knows vulnerabilities could be asked from here.\n"),
        ([], 0, "Audit: not done. No service that knows vulnerabilities could be asked from here.\n"),
    ],
)
def test_a_known_vulnerability_fails_and_a_missing_network_does_not(
    packages: list[dict[str, Any]],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(audit, "asked", lambda _service: {"dependencies": packages})
    assert audit.main() == code
    assert capsys.readouterr().out == said
