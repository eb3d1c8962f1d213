"""Driver trees: units, cycles, reconciliation, contributions that add up, segments, influences."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.scoring.contributions import UNEXPLAINED, ContributionMethod, Decomposition, decompose, settle
from pipelines.scoring.errors import TreeError
from pipelines.scoring.influence import lagged_correlation, strongest_lag
from pipelines.scoring.kinds import Operator
from pipelines.scoring.segments import Portion, ratio_effects, sum_changes
from pipelines.scoring.tree import DriverForest, DriverNode, check_units, reconcile
from pipelines.scoring.units import Unit

PRODUCT = DriverNode("revenue", Operator.PRODUCT, ("customers", "arpc"))
SUM = DriverNode("mrr", Operator.SUM, ("new", "expansion", "rest"))
DIFFERENCE = DriverNode("net", Operator.DIFFERENCE, ("new", "churned"))
RATIO = DriverNode("arpc", Operator.RATIO, ("revenue", "customers"))


# ── units ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("currency", "currency"),
        ("currency/count", "currency/count"),
        ("count * currency/count", "currency"),
        ("currency per count", "currency/count"),
        ("ratio", "ratio"),
        ("per week", "1/week"),
        ("ratio/ratio", "ratio"),
        ("count*count", "count^2"),
        ("m^2/s", "m^2/s"),
    ],
)
def test_units_are_read_and_shortened(text: str, shown: str) -> None:
    assert str(Unit.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "a b", "3 apples", "a^x", "//"])
def test_what_is_no_unit_is_refused(text: str) -> None:
    with pytest.raises(TreeError, match="unit_syntax"):
        Unit.parse(text)


def test_units_of_a_product_must_make_the_parents_unit() -> None:
    units = {"revenue": "currency", "customers": "count", "arpc": "currency/count"}
    check_units(PRODUCT, units)

    with pytest.raises(TreeError, match=r"unit_mismatch.*revenue is in currency"):
        check_units(PRODUCT, {**units, "arpc": "ratio"})


def test_a_sum_needs_one_unit() -> None:
    units = {"mrr": "currency", "new": "currency", "expansion": "currency", "rest": "count"}

    with pytest.raises(TreeError, match="rest in count"):
        check_units(SUM, units)


# ── shape ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_forest_lists_children_before_parents() -> None:
    forest = DriverForest(
        [DriverNode("a", Operator.SUM, ("b", "c")), DriverNode("b", Operator.PRODUCT, ("c", "d"))]
    )

    assert [node.metric for node in forest.children_first] == ["b", "a"]
    assert forest.roots == ("a",)
    assert forest.parents_of("c") == ("a", "b")
    assert forest.paths() == (("a",), ("a", "b"), ("a", "b", "c"), ("a", "b", "d"), ("a", "c"))


def test_a_cycle_is_refused_with_its_path() -> None:
    nodes = [DriverNode("a", Operator.SUM, ("b",)), DriverNode("b", Operator.SUM, ("c",))]

    with pytest.raises(TreeError, match="a → b → c → a"):
        DriverForest([*nodes, DriverNode("c", Operator.SUM, ("a",))])


@pytest.mark.parametrize(
    ("parent", "holds"), [(200_000, True), (201_000, True), (201_006, False), (199_006, True), (None, None)]
)
def test_a_tree_reconciles_within_half_a_percent(parent: int | None, holds: bool | None) -> None:
    assert reconcile(PRODUCT, parent, [1000, 200]).reconciles is holds


def test_near_zero_rounding_is_allowed() -> None:
    assert reconcile(DIFFERENCE, D("0.000001"), [5, 5]).reconciles is True
    assert reconcile(DIFFERENCE, D("0.000002"), [5, 5]).reconciles is False


def test_an_unknown_child_cannot_be_reconciled() -> None:
    found = reconcile(PRODUCT, 100, [10, None])

    assert (found.expected, found.difference, found.reconciles) == (None, None, None)


# ── contributions ───────────────────────────────────────────────────────────────────────────────────────────


def amounts(found: Decomposition) -> dict[str, D | None]:
    return {part.child: part.amount for part in found.parts}


def test_the_vector_of_the_rules() -> None:
    found = decompose(PRODUCT, (200_000, 209_000), [(1000, 1100), (200, 190)])

    assert [(part.child, round(part.amount or 0, 1), part.method) for part in found.parts] == [
        ("customers", D("19487.8"), ContributionMethod.LMDI),
        ("arpc", D("-10487.8"), ContributionMethod.LMDI),
    ]
    assert found.change == 9000
    assert found.reconciles


def test_additive_parts_give_their_signed_change() -> None:
    assert amounts(decompose(DIFFERENCE, (60, 75), [(100, 120), (40, 45)])) == {"new": 20, "churned": -5}


def test_a_ratio_splits_over_numerator_and_denominator() -> None:
    found = decompose(RATIO, (200, 190), [(200_000, 209_000), (1000, 1100)])

    assert {part.method for part in found.parts} == {ContributionMethod.LMDI}
    assert sum(part.amount or 0 for part in found.parts) == -10
    assert (found.parts[0].amount or 0) > 0 > (found.parts[1].amount or 0)


@pytest.mark.parametrize(
    ("before", "now"), [((0, 5), (4, 5)), ((3, 5), (0, 5)), ((-3, 5), (3, 6)), ((-3, 5), (-2, 6))]
)
def test_a_zero_or_a_change_of_sign_takes_the_shapley_value(
    before: tuple[int, int], now: tuple[int, int]
) -> None:
    found = decompose(
        PRODUCT,
        (before[0] * before[1], now[0] * now[1]),
        [(before[0], now[0]), (before[1], now[1])],
    )

    assert {part.method for part in found.parts} == {ContributionMethod.SHAPLEY}
    first = Fraction(now[0] - before[0]) * (before[1] + now[1]) / 2
    assert found.parts[0].amount == D(first.numerator) / D(first.denominator)


def test_what_the_drivers_do_not_explain_is_a_row_of_its_own() -> None:
    found = decompose(SUM, (100, 130), [(50, 60), (20, 25), (30, 33)])

    assert amounts(found) == {"new": 10, "expansion": 5, "rest": 3, UNEXPLAINED: 12}
    assert found.parts[-1].method is ContributionMethod.UNEXPLAINED
    assert not found.reconciles


def test_an_unknown_driver_leaves_its_part_unexplained() -> None:
    found = decompose(SUM, (100, 130), [(50, 60), (20, None), (30, 33)])

    assert amounts(found) == {"new": 10, "expansion": None, "rest": 3, UNEXPLAINED: 17}
    assert not found.reconciles


def test_an_unknown_factor_leaves_everything_unexplained() -> None:
    assert amounts(decompose(PRODUCT, (10, 12), [(5, 6), (2, None)])) == {
        "customers": None,
        "arpc": None,
        UNEXPLAINED: 2,
    }


def test_a_divisor_of_zero_leaves_everything_unexplained() -> None:
    assert amounts(decompose(RATIO, (10, 12), [(100, 120), (10, 0)]))[UNEXPLAINED] == 2


def test_an_unknown_parent_has_no_contributions() -> None:
    found = decompose(SUM, (None, 130), [(50, 60), (20, 25), (30, 33)])

    assert (found.change, {part.amount for part in found.parts}) == (None, {None})


def test_no_change_has_no_shares() -> None:
    found = decompose(SUM, (100, 100), [(50, 60), (20, 10), (30, 30)])

    assert [part.share for part in found.parts] == [None, None, None]


values = st.decimals(-(10**6), 10**6, places=3) | st.sampled_from([D(0), D("0.001")])
operators = st.sampled_from([Operator.SUM, Operator.DIFFERENCE, Operator.PRODUCT, Operator.RATIO])


@settings(max_examples=200, deadline=None)
@given(operators, st.lists(st.tuples(values, values), min_size=2, max_size=5), values, values)
def test_contributions_add_up_to_the_parents_change_exactly(
    operator: Operator, pairs: list[tuple[D, D]], before: D, now: D
) -> None:
    node = DriverNode("parent", operator, tuple(f"c{n}" for n in range(len(pairs))))

    found = decompose(node, (before, now), pairs)

    assert sum(part.amount or 0 for part in found.parts) == found.change == now - before
    for part in found.parts:
        assert part.amount is None or part.amount.is_finite()


@settings(max_examples=100, deadline=None)
@given(operators, st.lists(st.tuples(values, values), min_size=2, max_size=4))
def test_where_the_tree_holds_nothing_is_left_unexplained(
    operator: Operator, pairs: list[tuple[D, D]]
) -> None:
    node = DriverNode("parent", operator, tuple(f"c{n}" for n in range(len(pairs))))
    before, now = node.value([old for old, _ in pairs]), node.value([new for _, new in pairs])
    found = decompose(node, (before, now), pairs)

    if found.change is None:
        return
    unexplained = [part for part in found.parts if part.child == UNEXPLAINED]
    if all(part.amount is not None for part in found.parts):
        assert all(abs(part.amount or 0) <= D("0.000001") for part in unexplained)
        assert found.reconciles


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.decimals(1, 1000, places=2), st.decimals(1, 1000, places=2)), min_size=2, max_size=3
    )
)
def test_a_factor_that_did_not_move_contributes_nothing(pairs: list[tuple[D, D]]) -> None:
    still = [(pairs[0][0], pairs[0][0]), *pairs[1:]]
    node = DriverNode("parent", Operator.PRODUCT, tuple(f"c{n}" for n in range(len(still))))
    found = decompose(node, (node.value([a for a, _ in still]), node.value([b for _, b in still])), still)

    assert abs(found.parts[0].amount or 0) <= D("0.000002")


@given(st.lists(st.fractions(-1000, 1000), max_size=8))
def test_settled_amounts_add_up_and_stay_within_rounding(given_amounts: list[Fraction]) -> None:
    total = D(round(sum(given_amounts, Fraction(0)) * 10**6)).scaleb(-6)
    settled = settle(given_amounts, total)

    assert sum(settled) == (total if given_amounts else 0)
    for exact, rounded in zip(given_amounts, settled, strict=True):
        assert abs(Fraction(rounded) - exact) <= Fraction(len(given_amounts) + 1, 10**6)


# ── segments ────────────────────────────────────────────────────────────────────────────────────────────────


def test_inner_and_mix_effects_of_a_ratio() -> None:
    before = {"emea": Portion(30, 100), "na": Portion(90, 100)}
    now = {"emea": Portion(80, 200), "na": Portion(90, 100)}

    found = ratio_effects(before, now)

    assert found is not None
    assert [(e.segment, e.inner, e.mix) for e in found] == [
        ("emea", D("0.066667"), D("-0.05")),
        ("na", D("0"), D("-0.05")),
    ]
    assert sum(effect.total for effect in found) == D("-0.033333")


def test_a_segment_that_is_new_has_no_mix_effect_and_one_that_is_gone_no_inner_effect() -> None:
    found = ratio_effects(
        {"old": Portion(20, 100), "x": Portion(60, 100)}, {"new": Portion(90, 100), "x": Portion(60, 100)}
    )

    assert found is not None
    effects = {effect.segment: effect for effect in found}
    assert effects["new"].mix == 0
    assert effects["old"].inner == 0
    assert sum(effect.total for effect in found) == D("0.35")


def test_what_segments_do_not_explain_is_a_row_of_its_own() -> None:
    found = ratio_effects({"a": Portion(1, 2)}, {"a": Portion(3, 4)}, change=D("0.3"))

    assert found is not None
    assert (found[-1].segment, found[-1].total) == (UNEXPLAINED, D("0.05"))


def test_a_ratio_without_a_denominator_has_no_effects() -> None:
    assert ratio_effects({"a": Portion(1, 0)}, {"a": Portion(1, 2)}) is None


def test_the_change_of_a_sum_by_segment() -> None:
    found = sum_changes({"a": 1, "b": 2}, {"b": 5, "c": 7}, change=12)

    assert [(row.segment, row.amount) for row in found] == [("a", -1), ("b", 3), ("c", 7), (UNEXPLAINED, 3)]


portions = st.builds(Portion, st.integers(0, 1000), st.integers(0, 1000))
by_segment = st.dictionaries(st.sampled_from("abcdef"), portions, max_size=6)


@settings(max_examples=200)
@given(by_segment, by_segment)
def test_segment_effects_add_up_to_the_change_of_the_whole(
    before: dict[str, Portion], now: dict[str, Portion]
) -> None:
    found = ratio_effects(before, now)
    old, new = (sum(p.denominator for p in side.values()) for side in (before, now))
    if not old or not new:
        assert found is None
        return
    change = Fraction(sum(p.numerator for p in now.values()), new) - Fraction(
        sum(p.numerator for p in before.values()), old
    )

    assert found is not None
    assert sum((effect.inner + effect.mix for effect in found), D(0)) == D(round(change * 10**6)).scaleb(-6)


# ── influences ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lagged_influence_is_found_at_its_lag() -> None:
    driver = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7]
    metric = [0, 0, *[2 * value + 1 for value in driver[:-2]]]

    found = lagged_correlation(driver, metric, 2)

    assert (found.levels, found.changes, found.pairs) == (1, 1, 12)
    assert found.sign_as_expected is True
    best = strongest_lag(driver, metric, 4)
    assert best is not None
    assert best.lag == 2


def test_a_shared_trend_is_no_correlation_of_changes() -> None:
    one = [10, 21, 29, 41, 49, 61, 69, 81, 89, 101]
    other = [10, 20, 31, 41, 50, 60, 71, 81, 90, 100]

    found = lagged_correlation(one, other, 0)

    assert found.levels is not None
    assert found.changes is not None
    assert found.levels > D("0.99") > D("0.5") > abs(found.changes)


def test_an_unexpected_sign_is_said() -> None:
    rising = list(range(10))
    noisy = [value + (3 if value % 3 else 0) for value in rising]

    assert (
        lagged_correlation(noisy, [-value for value in noisy], 0, expected_sign=1).sign_as_expected is False
    )


def test_too_few_periods_and_constants_have_no_correlation() -> None:
    assert lagged_correlation([1, 2, 3], [1, 2, 3], 0).reason == "too_few_periods"
    assert lagged_correlation([1] * 9, list(range(9)), 0).reason == "constant"


def test_gaps_are_left_out() -> None:
    gappy = [1, 2, None, 4, 5, 7, 7, 8, 9, 11]

    assert lagged_correlation(gappy, gappy, 0).pairs == 9


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=8, max_size=20),
    st.integers(0, 4),
)
def test_a_correlation_lies_between_minus_one_and_one(pairs: list[tuple[float, float]], lag: int) -> None:
    found = lagged_correlation([a for a, _ in pairs], [b for _, b in pairs], lag)

    for number in (found.levels, found.changes):
        assert number is None or -1 <= number <= 1
