import pandas as pd
import pytest


@pytest.fixture
def bars() -> pd.DataFrame:
    """Four one-minute bars of one symbol, every number different."""
    return pd.DataFrame(
        {
            "symbol": ["BTCUSDT"] * 4,
            "ts_open": pd.date_range("2024-03-01 12:00", periods=4, freq="1min", tz="UTC").as_unit("ms"),
            "open": [100.1, 101.1, 102.1, 103.1],
            "high": [101.5, 102.5, 103.5, 104.5],
            "low": [99.7, 100.7, 101.7, 102.7],
            "close": [101.2, 102.2, 103.2, 104.2],
            "volume": [1.5, 2.5, 3.5, 4.5],
        }
    )


@pytest.fixture
def parquet(tmp_path, bars):
    """Write a table, by default the four bars, and return its path."""

    def save(table: pd.DataFrame = bars, name: str = "bars.parquet") -> str:
        path = tmp_path / name
        table.to_parquet(path)
        return str(path)

    return save
