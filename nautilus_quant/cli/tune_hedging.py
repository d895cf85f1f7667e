"""``nq tune hedging``: an Optuna study of the band that suits a book, and its best as a new version."""

from __future__ import annotations

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.places import Place, find_place

if TYPE_CHECKING:
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.options.hedging_params import HedgeParams, Version
    from nautilus_quant.options.hedging_sim import Paths
    from nautilus_quant.options.hedging_tune import Terms

MISSING = "tuning needs optuna: pip install 'nt-quant[tune]'"
_SQLITE = "sqlite:///"
_LEAST_GAIN = 1e-9


class Question(NamedTuple):
    """
    What is asked; see the command's options.

    Parameters
    ----------
    trials, underlying, chains, coins, price, vol, fee, paths, seed, storage
        As there.

    """

    trials: int
    underlying: str | None = None
    chains: Path | None = None
    coins: float = 1.0
    price: float = 100_000.0
    vol: float = 0.6
    fee: float = 0.0005
    paths: int = 400
    seed: int = 7
    storage: str | None = None


def run(config: Path, question: Question) -> Answer:
    """
    Tune the hedging of a deployment.

    Parameters
    ----------
    config
        The deployment's file.
    question
        What is asked.

    Returns
    -------
    Answer
        OK: its data are the scores before and after, and the number of the new version, ``null`` when nothing
        better was found. FAILED: no hedging actor, or no optuna. REFUSED: a question it cannot read.

    """
    try:
        import optuna  # noqa: F401 (asked before anything is simulated)
    except ImportError:
        return note(FAILED, MISSING)
    place = find_place(config, None, plugins=True)
    assert place.deployment is not None
    fields = next((p.config for p in place.deployment.plugins if p.path.endswith(":HedgingActor")), None)
    if fields is None:
        return note(FAILED, f"{config} has no `use: hedging_actor` under `actors`, so nothing is hedged")
    known = list(fields.get("underlyings", ()))
    underlying = question.underlying or (known[0] if len(known) == 1 else None)
    if underlying is None:
        return note(REFUSED, f"say whose options with --underlying; configured: {', '.join(known) or 'all'}")
    if question.chains is not None and not question.chains.is_file():
        return note(REFUSED, f"--chains {question.chains} is not there")
    own = Place(fields.get("state") or place.url, place.deployment)
    with own.open() as store:
        return _tune(store, underlying, _base(fields), question._replace(storage=_storage(own.url, question)))


def _base(fields: dict[str, Any]) -> HedgeParams:
    import msgspec

    from nautilus_quant.host.hedging_settings import HedgeSettings

    return msgspec.convert(fields.get("hedging", {}), HedgeSettings).params()


def _storage(state: str, question: Question) -> str:
    """Return where the study is kept: SQLite beside the state, a server's database with it."""
    if question.storage is not None:
        return question.storage
    if not state.startswith(_SQLITE):
        return state
    file = Path(state.removeprefix(_SQLITE)).with_name("tuning.db")
    file.parent.mkdir(parents=True, exist_ok=True)
    return _SQLITE + str(file)


def _tune(store: StateStore, underlying: str, base: HedgeParams, question: Question) -> Answer:
    from nautilus_quant.host.hedging_memory import stored_versions
    from nautilus_quant.options.hedging_sim import TradeCosts
    from nautilus_quant.options.hedging_tune import Terms, score

    terms = Terms(
        risk_aversion=base.band.risk_aversion,
        costs=TradeCosts(taker=question.fee),
        coins=question.coins,
        vol=question.vol,
        price=question.price,
        paths=question.paths,
        seed=question.seed,
    )
    markets = _markets(terms, underlying, question.chains)
    found, _ = stored_versions(store, underlying)
    number = 1 + max((version.number for version in found), default=0)
    current = found[-1].params if found else base
    before = score(current, markets, terms)
    best, after, count = _study(underlying, base, markets, terms, question)
    version = None
    if after < before - _LEAST_GAIN:
        version = _keep(store, underlying, best, number, after)
    return _report(underlying, version, before, after, count)


def _markets(terms: Terms, underlying: str, chains: Path | None) -> dict[str, Paths]:
    from nautilus_quant.options.hedging_recorded import StraddleTerms, straddles
    from nautilus_quant.options.hedging_tune import simulated
    from nautilus_quant.options.recorded import RecordedChains

    markets = simulated(terms)
    if chains is not None:
        snapshots = RecordedChains(chains).snapshots(underlying)
        markets[f"chains of {chains.stem}"] = straddles(snapshots, StraddleTerms(quantity=-terms.coins))
    return markets


def _study(
    underlying: str, base: HedgeParams, markets: dict[str, Paths], terms: Terms, question: Question
) -> tuple[HedgeParams, float, int]:
    """Go on with the study of this very question; return its best, what that scores, and its trials."""
    import optuna

    from nautilus_quant.options.hedging_tune import score, suggested

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Scores of another question are no guide, so each has a study of its own.
    asked = [terms._asdict() | {"costs": terms.costs._asdict()}, sorted(markets), base.to_dict()]
    digest = sha256(json.dumps(asked).encode()).hexdigest()[:12]
    storage = optuna.storages.RDBStorage(str(question.storage))
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=f"hedging|{underlying}|{digest}",
            sampler=optuna.samplers.TPESampler(seed=question.seed),
            load_if_exists=True,
        )
        study.optimize(lambda trial: score(suggested(trial, base), markets, terms), n_trials=question.trials)
        best = suggested(optuna.trial.FixedTrial(study.best_params), base)
        return best, float(study.best_value), len(study.trials)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _keep(store: StateStore, underlying: str, params: HedgeParams, number: int, found: float) -> Version:
    from nautilus_quant.host.hedging_memory import KIND, PARAMS, version_key
    from nautilus_quant.options.hedging_params import Version

    now = time.time_ns()
    version = Version(number=number, params=params, ts=now, source="study", score=found)
    store.append(
        KIND,
        {"what": "version_made", "underlying": underlying, "version": number, "params": params.to_dict()},
        ts=now,
    )
    store.put_now(PARAMS, version_key(underlying, number), version.to_dict(), ts=now)
    return version


def _report(underlying: str, version: Version | None, before: float, after: float, count: int) -> Answer:
    from rich.text import Text

    data = {
        "underlying": underlying,
        "version": None if version is None else version.number,
        "params": None if version is None else version.params.to_dict(),
        "before": before,
        "after": after,
        "trials": count,
    }
    if version is None:
        said = (
            f"{underlying}: nothing better than what is in force, which costs {before:,.2f}; {count} trials"
        )
        return Answer(OK, plain(data), Text(said))
    band = version.params.band
    said = (
        f"{underlying}: version {version.number} costs {after:,.2f} in fees, spread and risk, what is in "
        f"force {before:,.2f}; {count} trials. Band {band.kind}, width {band.width:.4g} to "
        f"{band.widest:.4g} coins, aversion {band.risk_aversion:.3g}, interval {band.interval:,.0f} s. "
        "A running actor picks it up"
    )
    return Answer(OK, plain(data), Text(said, style="green"))
