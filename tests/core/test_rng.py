"""Named streams are stable and apart."""

from fedrot_core.rng import stream


def test_streams_depend_on_seed_and_every_name() -> None:
    draws = [stream(*args).random() for args in ((0, "a"), (1, "a"), (0, "b"), (0, "a", 0), (0, "a", 1))]
    assert len(set(draws)) == 5
    assert stream(0, "a", 1).random() == draws[-1]


def test_streams_do_not_share_state() -> None:
    first = stream(0, "x")
    first.random(100)
    assert stream(0, "x").random() == stream(0, "x").random()
