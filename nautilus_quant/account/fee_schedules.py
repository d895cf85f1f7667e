"""
What venues publish about their fees, as data.

Every schedule names its page, the day up to which it is known to have held, and in its note what could be
compared with which description of it, and what could not. Levels are taken by 30-day volume alone; conditions
on balances (BNB, OKB, assets) are named and not looked at. Where two descriptions disagree the dearer figure
is taken. A venue knows best: an adapter which reads the fees of the account from
it is right when it differs, and `FeeReconciler` says so after a few fills.
"""

from __future__ import annotations

from typing import Final

from nautilus_quant.account.fees import FeeSchedule

_BINANCE_FUTURES: Final = FeeSchedule.of(
    "binance_usdm",
    (
        ("Regular", 0, "0.0200", "0.0500"),
        ("VIP 1", 15e6, "0.0160", "0.0400"),
        ("VIP 2", 50e6, "0.0140", "0.0350"),
        ("VIP 3", 100e6, "0.0120", "0.0320"),
        ("VIP 4", 600e6, "0.0100", "0.0300"),
        ("VIP 5", 1e9, "0.0080", "0.0270"),
        ("VIP 6", 2.5e9, "0.0060", "0.0250"),
        ("VIP 7", 5e9, "0.0040", "0.0220"),
        ("VIP 8", 12.5e9, "0.0020", "0.0200"),
        ("VIP 9", 25e9, "0.0000", "0.0170"),
    ),
    source="https://www.binance.com/en/fee/futureFee",
    as_of="2026-02-04",
    note="USDT pairs; 25 to 5 500 BNB must be held as well; 10 % off when fees are paid in BNB; USDC pairs "
    "are cheaper in promotions. Fees of all levels agree with a second table and with NautilusTrader's; "
    "the first level with the page on 2026-10-12. Volumes: the announcement of 2021-12-15 for VIP 1; "
    "those above could not be compared since. Coin-margined contracts have other fees and no table "
    "here.",
)

_BINANCE_SPOT: Final = FeeSchedule.of(
    "binance_spot",
    (
        ("Regular", 0, "0.1000", "0.1000"),
        ("VIP 1", 1e6, "0.0900", "0.1000"),
        ("VIP 2", 5e6, "0.0800", "0.1000"),
        ("VIP 3", 20e6, "0.0420", "0.0600"),
        ("VIP 4", 100e6, "0.0420", "0.0540"),
        ("VIP 5", 150e6, "0.0360", "0.0480"),
        ("VIP 6", 400e6, "0.0300", "0.0420"),
        ("VIP 7", 800e6, "0.0240", "0.0360"),
        ("VIP 8", 2e9, "0.0180", "0.0300"),
        ("VIP 9", 4e9, "0.0120", "0.0240"),
    ),
    source="https://www.binance.com/en/fee/schedule",
    as_of="2024-07-17",
    note="Standard rates; promotions since 2024-07-18 are below them from VIP 4 on. BNB must be held as "
    "well; 25 % off when fees are paid in BNB. Fees agree with two other tables, the volume of VIP 4 "
    "with the announcement of that promotion; volumes from VIP 5 on could not be compared since.",
)

_OKX_SPOT: Final = FeeSchedule.of(
    "okx_spot",
    (
        ("Lv 1", 0, "0.080", "0.100"),
        ("VIP 1", 5e6, "0.045", "0.050"),
        ("VIP 2", 10e6, "0.040", "0.045"),
        ("VIP 3", 20e6, "0.030", "0.040"),
        ("VIP 4", 100e6, "0.020", "0.035"),
        ("VIP 5", 200e6, "0.000", "0.030"),
        ("VIP 6", 500e6, "-0.002", "0.025"),
        ("VIP 7", 1e9, "-0.005", "0.020"),
        ("VIP 8", 5e9, "-0.005", "0.015"),
    ),
    source="https://www.okx.com/fees",
    as_of="2025-06-01",
    note="USDT pairs. Assets or the volume of another market may give a higher level; Lv 2 to Lv 5 need OKB. "
    "Every level agrees with a copy of the page; older copies show dearer ones.",
)

_OKX_DERIVATIVES: Final = FeeSchedule.of(
    "okx_derivatives",
    (
        ("Lv 1", 0, "0.020", "0.050"),
        ("VIP 1", 200e6, "0.016", "0.045"),
    ),
    source="https://www.okx.com/fees",
    as_of="2026-10-16",
    note="Futures and perpetuals, group 1. Only what could be compared with the page: fees of Lv 1 and VIP "
    "1, and that 200 million are VIP 3, from where the fees of VIP 1 are taken. Volumes of VIP 1 and 2 "
    "and fees above VIP 1 could not be checked; they are lower, and can be given as own tiers.",
)

_OKX_OPTIONS: Final = FeeSchedule.of(
    "okx_options",
    (
        ("Lv 1", 0, "0.030", "0.030"),
        ("VIP 1", 5e6, "0.025", "0.030"),
        ("VIP 2", 10e6, "0.020", "0.030"),
        ("VIP 3", 25e6, "0.020", "0.025"),
    ),
    cap="7",
    source="https://www.okx.com/help/trading-fee-rules-faq",
    as_of="2026-06-24",
    note="Of the underlying, at most 7 % of the premium (12.5 % until 2025-05-15). Levels since 2025-02-10, "
    "by a copy of the announcement; the page's example and the volume of VIP 1 agree with it. Those "
    "above VIP 3 are cheaper and could not be checked. No fee of exercise here.",
)

_BYBIT_DERIVATIVES: Final = FeeSchedule.of(
    "bybit_derivatives",
    (
        ("VIP 0", 0, "0.0200", "0.0550"),
        ("VIP 1", 10e6, "0.0180", "0.0400"),
        ("VIP 2", 25e6, "0.0160", "0.0375"),
        ("VIP 3", 50e6, "0.0140", "0.0350"),
        ("VIP 4", 100e6, "0.0120", "0.0320"),
        ("VIP 5", 250e6, "0.0100", "0.0320"),
        ("Supreme VIP", 500e6, "0.0000", "0.0300"),
    ),
    source="https://www.bybit.com/en/help-center/article/Trading-Fee-Structure",
    as_of="2026-10-16",
    note="Perpetuals and futures; assets may give a higher level; fees differ by region. Fees agree with a "
    "copy of the page, volumes with one other description.",
)

_BYBIT_SPOT: Final = FeeSchedule.of(
    "bybit_spot",
    (
        ("VIP 0", 0, "0.1000", "0.1000"),
        ("VIP 1", 1e6, "0.0675", "0.0800"),
        ("VIP 2", 5e6, "0.0650", "0.0775"),
        ("VIP 3", 10e6, "0.0625", "0.0750"),
        ("VIP 4", 25e6, "0.0500", "0.0600"),
        ("VIP 5", 50e6, "0.0400", "0.0500"),
        ("Supreme VIP", 100e6, "0.0300", "0.0450"),
    ),
    source="https://www.bybit.com/en/help-center/article/Trading-Fee-Structure",
    as_of="2026-10-16",
    note="Crypto pairs; volumes of the dearer of two versions of the programme, of which the page's example "
    "(10 million are VIP 3) confirms this one. Fees agree with a copy of the page; they differ by "
    "region.",
)

_COINBASE: Final = FeeSchedule.of(
    "coinbase_advanced",
    (
        ("Intro 1", 0, "0.60", "1.20"),
        ("Intro 2", 1e3, "0.35", "0.75"),
        ("Advanced 1", 10e3, "0.25", "0.40"),
        ("Advanced 2", 50e3, "0.15", "0.25"),
        ("Advanced 3", 100e3, "0.10", "0.20"),
        ("Advanced 4", 1e6, "0.08", "0.18"),
        ("Advanced 5", 15e6, "0.06", "0.16"),
        ("Advanced 6", 75e6, "0.03", "0.12"),
        ("Advanced 7", 250e6, "0.00", "0.08"),
        ("Advanced 8", 400e6, "0.00", "0.05"),
    ),
    source="https://help.coinbase.com/en/coinbase/trading-and-funding/advanced-trade/advanced-trade-fees",
    as_of="2026-05-05",
    note="The eight levels of Coinbase Advanced, and the two below 10 000 USD. Stable pairs are free for "
    "makers. The page shows its table to customers only: first and last level agree with a description "
    "of it, which lets Advanced 8 begin at 250 million; those between could not be checked. It is "
    "recalculated every hour there.",
)

_DERIBIT_FUTURES: Final = FeeSchedule.of(
    "deribit_futures",
    (("Standard", 0, "0.00", "0.05"),),
    source="https://support.deribit.com/hc/en-us/articles/25944746248989-Fees",
    as_of="2025-11-01",
    note="Futures and perpetuals on BTC, ETH and USDC, as on the page; in weekly futures makers are paid "
    "0.01 %, which is left out. VIP levels since 2025-11-01 are cheaper: the first needs equity, the "
    "others 200 and 750 million, 1.5, 2.5 and 5 billion, of which the page confirms 750; their fees "
    "could not be checked.",
)

_DERIBIT_OPTIONS: Final = FeeSchedule.of(
    "deribit_options",
    (("Standard", 0, "0.03", "0.03"),),
    cap="12.5",
    source="https://support.deribit.com/hc/en-us/articles/25944746248989-Fees",
    as_of="2025-11-01",
    note="BTC and ETH options, as on the page: of the underlying, that is 0.0003 coins a contract, at most "
    "12.5 % of the premium. Linear ones differ; VIP levels are cheaper, see futures. No fee of delivery "
    "here.",
)

SCHEDULES: Final[dict[str, FeeSchedule]] = {
    schedule.name: schedule
    for schedule in (
        _BINANCE_FUTURES,
        _BINANCE_SPOT,
        _OKX_SPOT,
        _OKX_DERIVATIVES,
        _OKX_OPTIONS,
        _BYBIT_DERIVATIVES,
        _BYBIT_SPOT,
        _COINBASE,
        _DERIBIT_FUTURES,
        _DERIBIT_OPTIONS,
    )
}
"""All schedules by name."""

USUAL: Final[dict[str, dict[str, str]]] = {
    "BINANCE": {"linear": "binance_usdm", "spot": "binance_spot"},
    "OKX": {
        "linear": "okx_derivatives",
        "inverse": "okx_derivatives",
        "spot": "okx_spot",
        "option": "okx_options",
    },
    "BYBIT": {"linear": "bybit_derivatives", "inverse": "bybit_derivatives", "spot": "bybit_spot"},
    "COINBASE": {"spot": "coinbase_advanced"},
    "DERIBIT": {"linear": "deribit_futures", "inverse": "deribit_futures", "option": "deribit_options"},
}
"""Which schedule holds at a venue, by kind of instrument: spot, linear, inverse or option."""
