"""Venues: from a block of YAML to an adapter and its checked options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from nautilus_quant.config.adapters import ADAPTERS, PAPER, Adapter
from nautilus_quant.config.check import Checker, to_plain
from nautilus_quant.config.deployment import Venue
from nautilus_quant.config.environment import join
from nautilus_quant.config.nodes import Node
from nautilus_quant.config.plugins import resolve_path
from nautilus_quant.config.problems import nearest
from nautilus_quant.config.spec import Mode, VenueSpec

RESERVED: Final = frozenset(
    {
        "account_type",
        "base_currency",
        "default_leverage",
        "leverages",
        "oms_type",
        "routing",
        "starting_balances",
        "state",
        "venue",
    }
)
"""Fields of client configs that follow from our own keys."""

_OWN: Final = frozenset(item.name for item in msgspec.structs.fields(VenueSpec))
_NAME = re.compile(r"[A-Z0-9][A-Z0-9_]{0,35}")
_BALANCE = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s+([A-Za-z0-9]{2,10})")


def read_venues(tree: Node, mode: Mode | None, checker: Checker, *, deep: bool) -> dict[str, Venue]:
    """
    Read all venues.

    Parameters
    ----------
    tree : Node
        The whole file.
    mode : Mode or None
        Decides where fills are simulated; None when the file does not say a valid one.
    checker : Checker
        Receives what is wrong.
    deep : bool
        Whether to check the adapter's own keys against its config classes.
    """
    node = tree.child("venues")
    found: dict[str, Venue] = {}
    if node is None or not isinstance(node.value, dict):
        return found
    if not node.value:
        checker.report(node, "venues", "a deployment needs at least one venue", shown="")
    for name, block in node.value.items():
        venue = _venue(name, block, join("venues", name), mode, checker, deep=deep)
        if venue is not None:
            found[name] = venue
    return found


def option_fields(adapter: Adapter, paper: bool) -> dict[str, tuple[Any, ...]]:
    """Return the types of the adapter's own keys; two where both of its clients have a key."""
    known: dict[str, tuple[Any, ...]] = {}
    execution = PAPER if paper else adapter.execution
    for entry in (adapter.data, execution):
        for item in msgspec.structs.fields(resolve_path(entry.path)):
            if item.name not in _reserved(adapter):
                known[item.name] = (*known.get(item.name, ()), item.type)
    return known


def _reserved(adapter: Adapter) -> frozenset[str]:
    # Binance's `account_type` says spot or futures, which is not ours to decide.
    return RESERVED - {"account_type"} if adapter.venue is not None else RESERVED


def _venue(
    name: str, block: Node, path: str, mode: Mode | None, checker: Checker, *, deep: bool
) -> Venue | None:
    if not isinstance(block.value, dict):
        checker.report(
            block, path, "must be a mapping with an `adapter` key", hint="write {adapter: simulated, ...}"
        )
        return None
    before = len(checker.problems)
    own = {key: item for key, item in block.value.items() if key in _OWN}
    plain = checker.struct(VenueSpec, replace(block, value=own), path)
    adapter = _adapter(block, path, checker)
    if adapter is None:
        return None
    paper = adapter.venue is None or mode is None or not mode.has_orders
    _check_name(name, block, adapter, path, checker)
    rest = replace(block, value={key: item for key, item in block.value.items() if key not in _OWN})
    options = _options(adapter, rest, path, checker, paper=paper) if deep else to_plain(rest)
    balances = _balances(block, path, checker, required=paper)
    if paper and adapter.name == "simulated":
        _check_coins(block, path, options.get("options"), balances, checker)
    return _built(name, plain, options, balances, paper=paper) if len(checker.problems) == before else None


def _built(
    name: str, plain: Mapping[str, Any], options: Mapping[str, Any], balances: list[str], *, paper: bool
) -> Venue:
    spec = msgspec.convert(dict(plain), VenueSpec)
    return Venue(
        name=name,
        adapter=spec.adapter,
        balances=tuple(balances),
        account_type=spec.account.upper(),
        oms_type=spec.oms.upper(),
        base_currency=spec.base_currency,
        leverage=spec.leverage,
        options=dict(options),
        paper=paper,
    )


def _adapter(block: Node, path: str, checker: Checker) -> Adapter | None:
    node = block.child("adapter")
    if node is None or not isinstance(node.value, str):
        return None
    if node.value not in ADAPTERS:
        checker.report(
            node,
            join(path, "adapter"),
            "no such adapter",
            hint=nearest(node.value, ADAPTERS, what="adapters"),
        )
    return ADAPTERS.get(node.value)


def _check_name(name: str, block: Node, adapter: Adapter, path: str, checker: Checker) -> None:
    if adapter.venue is not None and name != adapter.venue:
        rule = f"the venue of adapter {adapter.name} is called {adapter.venue}"
        checker.report(
            block,
            path,
            rule,
            shown=repr(name),
            hint=f"instruments are then called BTCUSDT.{adapter.venue}, ...",
        )
    elif not _NAME.fullmatch(name):
        checker.report(block, path, "a venue is called in capitals, digits and underscores", shown=repr(name))


def _balances(block: Node, path: str, checker: Checker, *, required: bool) -> list[str]:
    node = block.child("balances")
    items = node.value if node is not None and isinstance(node.value, list) else []
    if required and not items:
        checker.report(
            block,
            path,
            "`balances` is required where fills are simulated",
            hint="balances: [100_000 USDT]",
            shown="",
        )
    found: list[str] = []
    for at, item in enumerate(items):
        match = _BALANCE.fullmatch(str(item.value)) if isinstance(item.value, str) else None
        if match is None or float(match[1].replace("_", "")) <= 0.0:
            checker.report(
                item,
                f"{path}.balances[{at}]",
                "must be a positive amount and a currency",
                hint="100_000 USDT",
            )
            continue
        found.append(f"{match[1].replace('_', '')} {match[2].upper()}")
    return found


def _check_coins(block: Node, path: str, options: Any, balances: list[str], checker: Checker) -> None:
    """
    Require what options settled in coin are paid from.

    NautilusTrader deducts no premium from a currency the account has never held, but credits settlements in
    it; and books neither to an account of one base currency while it has no rate.
    """
    if not isinstance(options, dict) or "coin" not in (options.get("settlements") or ()):
        return
    held = {text.rpartition(" ")[2] for text in balances}
    missing = [coin for coin in options.get("underlyings") or ("BTC", "ETH") if coin not in held]
    if missing:
        rule = f"options settled in coin need a balance of {' and '.join(missing)} to pay premiums from"
        hint = f"balances: [{', '.join((*balances, *(f'1 {coin}' for coin in missing)))}]"
        checker.report(block.child("balances") or block, join(path, "balances"), rule, hint=hint, shown="")
    base = block.child("base_currency")
    if base is not None and base.value is not None:
        rule = "options settled in coin need an account of several currencies"
        checker.report(base, join(path, "base_currency"), rule, hint="leave base_currency out")


def _options(adapter: Adapter, rest: Node, path: str, checker: Checker, *, paper: bool) -> dict[str, Any]:
    try:
        known = option_fields(adapter, paper)
    except ImportError as error:
        rule = f"adapter {adapter.name} is not in the installed NautilusTrader ({error})"
        checker.report(rest, join(path, "adapter"), rule, shown=adapter.name)
        return {}
    assert isinstance(rest.value, dict)
    plain: dict[str, Any] = {}
    for key, item in rest.value.items():
        if key not in known:
            checker.unknown(rest, key, path, (known.keys() | _OWN))
            continue
        # The last client to look at a value has the last word; one complaint is enough.
        for kind in known[key]:
            before = len(checker.problems)
            plain[key] = checker.value(kind, item, join(path, key))
            if len(checker.problems) > before:
                break
    return plain
