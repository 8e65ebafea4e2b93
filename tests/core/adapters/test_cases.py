"""Files met in the wild: what is accepted, what is refused by name, and that everything else is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fedrot_core.adapters.cohort import Cohort
from fedrot_core.adapters.diagnosis import cohort
from tests.core.adapters.cases import CASES, EXPERTS, MODEL, NESTED, Case
from tests.core.adapters.made import save


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, tmp_path: Path) -> None:
    for client, (tensors, config) in zip("abcdef", case.clients, strict=False):
        save(tmp_path / client, tensors, **config)
    found = cohort(tmp_path)
    kept = [client for client in "abcdef"[: len(case.clients)] if client not in case.refused]
    assert found.names == tuple(kept)
    assert [module.name for module in found.modules] == [*case.modules]
    told(found, case)
    assert found.extras == case.extras
    assert found.adapters[0].beyond == case.beyond
    if case.scales:
        assert found.modules[0].scales == pytest.approx(case.scales)
    for module in found.modules:
        assert found.factors(module).A.shape == (module.experts, len(kept), module.rank, module.d_in)


def told(found: Cohort, case: Case) -> None:
    """What was refused, left out and noted is what should have been, and in these words."""
    for said, wanted in ((found.refused, case.refused), (found.left_out, case.left_out)):
        assert {r.name for r in said} >= {*wanted}
        assert len(said) == len(wanted) or "qkv_proj" in repr(wanted)
        for r in said:
            assert wanted.get(r.name, "different modules") in r.reason
    for words in case.notes:
        assert any(words in note for note in found.notes), found.notes


def test_stacked_experts_keep_their_own_factors(tmp_path: Path) -> None:
    save(tmp_path / "a", {**NESTED, **EXPERTS}, r=2, lora_alpha=4, **MODEL)
    adapter = cohort(tmp_path).adapters[0]
    module = adapter.modules["m.experts"]
    A, B = EXPERTS.values()
    update = torch.einsum("ore,eri->eoi", B.reshape(8, 2, 3), A.reshape(3, 2, 10)).double()
    found = module.factors()
    torch.testing.assert_close(found.B @ found.A, update, rtol=1e-5, atol=1e-5)
    assert (module.form, module.scale) == (("experts", 3, 8, 10), 2.0)
    assert adapter.settings.parameters == ("experts.gate_up_proj", "experts.down_proj")
