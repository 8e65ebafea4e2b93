"""Scripts are served by a name that says their content, and every message names them in a few bytes."""

from __future__ import annotations

import pytest

from app.bundles import FOLDER, NEEDS, bundle, by_file, file_name, loader


@pytest.mark.parametrize("name", NEEDS)
def test_an_elements_script_is_found_under_the_name_that_is_sent(name: str) -> None:
    assert file_name(name) in loader(name)
    assert by_file(file_name(name)) == bundle(name)
    assert "export default" in bundle(name)
    assert len(loader(name)) < 400


@pytest.mark.parametrize("file", ["", "pacer", "pacer.js", "pacer.0123456789abcdef.js", "../page.py", "nothing.0.js"])
def test_nothing_else_is_found(file: str) -> None:
    assert by_file(file) is None


def test_every_script_belongs_to_an_element() -> None:
    used = {*NEEDS, *(part for parts in NEEDS.values() for part in parts), "opening"}
    assert {path.stem for path in FOLDER.glob("*.js")} == used
