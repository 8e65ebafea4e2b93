"""Other instruction sets and other numbers of threads give the same numbers; a small part of the benchmark."""

from __future__ import annotations

from tests.benchmarks.machines import PLAIN, Way, differences, every_setting, run

ARMS = ("fedit", "fedrot", "gpa", "flexlora", "fedsvd", "fedex", "flora")
SETTINGS = {
    name: {**values, "rounds": 2, "clients": 4, "arms": ARMS}
    for name, values in every_setting().items()
    if name in ("SVD re-factorised", "Strong skew, high rank", "Teacher")
}


def test_plain_code_and_two_threads_give_the_numbers_that_this_machine_gives() -> None:
    ours, theirs = run(Way("as it is", {}), SETTINGS), run(Way("SSE, two threads", PLAIN, 2), SETTINGS)
    rows = differences(ours, theirs)
    assert len(rows) == len(SETTINGS) * (len(ARMS) + 1)
    for setting, arm, score, loss, error in rows:
        assert score < 1e-12, (setting, arm)
        assert max(loss, error) < 1e-8, (setting, arm)
