"""Unknown and repeated names fail loudly."""

import pytest

from fedrot_core.errors import ConfigError
from fedrot_core.registry import Registry


def test_registry_lists_in_order_and_refuses_strangers() -> None:
    names: Registry[int] = Registry("Method", "arms")
    names.add("b", 1)
    names.add("a", 2)
    assert list(names) == ["b", "a"]
    assert names.values() == [1, 2]
    assert len(names) == 2
    assert "a" in names
    assert names["a"] == 2
    with pytest.raises(ConfigError, match=r"Method must be one of b, a; got 'c'\.") as caught:
        names["c"]
    assert caught.value.key == "arms"
    with pytest.raises(ValueError, match="registered twice"):
        names.add("a", 3)
