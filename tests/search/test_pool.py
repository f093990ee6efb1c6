"""Classes of a space as numbers."""

import numpy as np

from ntknas.search import Pool, pool_of
from ntknas.search.pool import Unasked
from ntknas.spaces import NASBENCH201, Architecture, Family

SAME = Family(
    "pairs",
    dict,
    {"x": ("a", "b"), "y": (1, 2, 3)},
    unique=lambda x, y: {"x": "a", "y": y} if y == 1 else {"x": x, "y": y},
)


def test_classes_have_one_number():
    pool = Pool(SAME)
    assert [member.id for member in pool.members] == ["xa_y1", "xa_y2", "xa_y3", "xb_y2", "xb_y3"]
    assert pool.position(SAME.member(x="b", y=1)) == 0
    assert pool.steps(0) == (0, 1, 2)  # changing x leads to the class itself
    assert pool.neighbours(0) == (1, 2)


def test_digits_lead_back_to_the_class():
    pool = Pool(SAME)
    np.testing.assert_array_equal(pool.digits[3], [1, 1])
    assert pool.sizes == (2, 3)
    assert pool.by_digits[1, 0] == 0
    cells = pool_of(NASBENCH201)
    assert len(cells.by_digits) == 15_625
    assert cells.members[cells.by_digits[0, 0, 0, 0, 0, 0]].id == 10
    assert cells.digits[cells.position(Architecture.from_id(0))].tolist() == [4, 2, 1, 2, 1, 1]


def test_a_pool_is_kept_for_the_same_space_alone():
    assert pool_of(SAME) is pool_of(SAME)
    again = Family("pairs", dict, {"x": (1,)})
    assert len(pool_of(again)) == 1


def test_what_was_asked_for_is_not_drawn():
    rest = Unasked(4, np.random.default_rng(0))
    rest.discard(2)
    drawn = [rest.draw() for _ in range(4)]
    assert sorted(drawn[:3]) == [0, 1, 3]  # type: ignore[type-var]
    assert drawn[3] is None
    assert 0 not in rest
