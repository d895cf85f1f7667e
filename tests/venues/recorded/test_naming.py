import pytest

from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.recorded.naming import asset_of, bar_spec


@pytest.mark.parametrize(
    ("symbol", "kind", "expected"),
    [
        ("BTCUSDT", "perp", ("BTC", "USDT", "perp")),
        ("BTCUSDT", "spot", ("BTC", "USDT", "spot")),
        ("BTC-PERP", "spot", ("BTC", "USDT", "perp")),
        ("binance:ETH-PERP", "perp", ("ETH", "USDT", "perp")),
        ("BINANCE_SPOT:BTCUSDT", "perp", ("BTC", "USDT", "spot")),
        ("BINANCE_USDM:BTCUSDT", "spot", ("BTC", "USDT", "perp")),
        ("ETH/BTC", "spot", ("ETH", "BTC", "spot")),
        ("BTC-USDT-SWAP", "spot", ("BTC", "USDT", "perp")),
        ("BTCUSDT-PERP", "spot", ("BTC", "USDT", "perp")),
        ("LINKUSDC", "spot", ("LINK", "USDC", "spot")),
    ],
)
def test_symbols(symbol, kind, expected):
    asset = asset_of(symbol, kind=kind)
    assert (asset.base, asset.quote, asset.kind) == expected


def test_unknown_quote_is_refused():
    with pytest.raises(RecordedError, match="'BTCXYZ'"):
        asset_of("BTCXYZ", kind="perp")


@pytest.mark.parametrize(
    ("seconds", "spec"),
    [
        (1, "1-SECOND-LAST"),
        (60, "1-MINUTE-LAST"),
        (300, "5-MINUTE-LAST"),
        (14_400, "4-HOUR-LAST"),
        (86_400, "1-DAY-LAST"),
    ],
)
def test_bar_specs(seconds, spec):
    assert bar_spec(seconds * 1_000_000_000) == spec


def test_broken_seconds_are_refused():
    with pytest.raises(RecordedError, match=r"was 0\.5 s"):
        bar_spec(500_000_000)
