import pytest

from nautilus_quant.gating.matrix import DEFAULT, SHIPPED, Compatibility, snake_case
from nautilus_quant.gating.regime_rule import Regime

UP, DOWN, RANGE, HIGH = (
    Regime.STRONG_TREND_UP,
    Regime.STRONG_TREND_DOWN,
    Regime.RANGING,
    Regime.HIGH_VOL,
)


@pytest.mark.parametrize(
    ("kind", "regimes"),
    [
        ("momentum", {UP, DOWN}),
        ("regime_ml", {UP, DOWN}),
        ("mean_reversion", {RANGE}),
        ("grid", {RANGE}),
        ("stat_arb", {RANGE, HIGH}),
        ("funding_arb", {UP, DOWN, RANGE}),
        ("cross_exchange_arb", {UP, DOWN, RANGE}),
        ("options_delta", {UP, DOWN, RANGE}),
        ("options_spread", {UP, DOWN, RANGE}),
        ("somebody_elses", {UP, DOWN, RANGE}),
    ],
)
def test_the_shipped_table(kind: str, regimes: set[Regime]) -> None:
    assert Compatibility().regimes(kind) == regimes


def test_nothing_is_shipped_for_crisis_or_ignorance_and_one_kind_for_high_volatility() -> None:
    assert not any({Regime.CRISIS, Regime.WARMING_UP} & row for row in SHIPPED.values())
    assert [kind for kind, row in SHIPPED.items() if Regime.HIGH_VOL in row] == ["stat_arb"]


def test_a_row_replaces_the_shipped_one_and_leaves_the_others() -> None:
    matrix = Compatibility(
        {"momentum": ["strong_trend_up"], "default": "ALL", "hedge": ["CRISIS", "HIGH_VOL"]}
    )
    assert matrix.regimes("momentum") == {UP}
    assert matrix.regimes("unheard_of") == set(Regime)
    assert matrix.regimes("hedge") == {Regime.CRISIS, Regime.HIGH_VOL}
    assert matrix.regimes("grid") == {RANGE}
    assert matrix.allows("momentum", UP)
    assert not matrix.allows("momentum", DOWN)
    assert Compatibility().regimes("hedge") == {UP, DOWN, RANGE}


def test_an_empty_row_allows_nothing() -> None:
    assert not Compatibility({"grid": []}).regimes("grid")


def test_an_unknown_regime_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"row 'grid': unknown regime 'RANGIN', did you mean RANGING\?"):
        Compatibility({"grid": ["rangin"]})


def test_kinds_come_from_class_names() -> None:
    class Momentum: ...

    class MyMomentum(Momentum): ...

    class RegimeML: ...

    class EMACross: ...

    matrix = Compatibility({"ema_cross": ["RANGING"]})
    assert matrix.kind_of(Momentum) == "momentum"
    assert matrix.kind_of(MyMomentum) == "momentum"
    assert matrix.kind_of(RegimeML) == "regime_ml"
    assert matrix.kind_of(EMACross) == "ema_cross"
    assert Compatibility().kind_of(EMACross) == DEFAULT


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("RegimeML", "regime_ml"),
        ("EMACross", "ema_cross"),
        ("StatArb", "stat_arb"),
        ("CrossExchangeArb", "cross_exchange_arb"),
        ("EMACrossTWAP", "ema_cross_twap"),
        ("Grid", "grid"),
        ("Top10Momentum", "top10_momentum"),
    ],
)
def test_snake_case(name: str, kind: str) -> None:
    assert snake_case(name) == kind
