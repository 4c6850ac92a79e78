"""Kinds of leaves are told by identity, and keep it wherever they go."""

from __future__ import annotations

import copy
import pickle

import pytest

from autograd import kinds
from autograd.kinds import LINKED_PARAMETER, PARAMETER, PARAMETER_KINDS, Kind
from autograd.rule import LINEAR

KINDS = [getattr(kinds, name) for name in kinds.__all__ if isinstance(getattr(kinds, name), Kind)]


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_a_kind_is_one_object_however_it_travels(kind: Kind) -> None:
    assert copy.copy(kind) is copy.deepcopy(kind) is pickle.loads(pickle.dumps(kind)) is kind
    assert repr(kind) == kind.name
    assert getattr(kinds, kind.name) is kind


def test_kinds_of_leaves_are_equal_and_not_the_same() -> None:
    leaves = [kind for kind in KINDS if kind is not LINKED_PARAMETER]
    assert set(leaves) == {""}
    assert len({id(kind) for kind in leaves}) == len(leaves)
    assert LINKED_PARAMETER == LINEAR
    assert PARAMETER in PARAMETER_KINDS
