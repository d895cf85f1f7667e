"""What the meta-learner can be told, and the contests it holds accordingly."""

from __future__ import annotations

from msgspec import field
from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.learning.contest import Arm, Contest
from nautilus_quant.learning.params import PolicyParams, Priors
from nautilus_quant.learning.policies import make_policy
from nautilus_quant.learning.policy import Form, Output
from nautilus_quant.learning.reward import RewardScale
from nautilus_quant.learning.selector import Selector, SelectorParams

_WEAK = 2.0  # evaluations an expectation of nothing counts for
_SPACING = 60.0  # [s]


class MetaLearnerConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the meta-learner can be told; without anything all strategies of each market compete.

    Parameters
    ----------
    arms
        Market by strategy id of those that compete, e.g. ``{EMACross-001: BTCUSDT-PERP.SIM}``; empty takes
        all strategies by the instrument they are configured for.
    exclude
        Strategy ids that do not compete: they trade as if there were no meta-learner.
    evaluation_interval
        Time between evaluations, on the UTC clock [s]; a change of regime is evaluated at once as well.
    policy
        ``thompson``, ``thompson_beta``, ``ucb``, ``kl_ucb``, ``hedge`` or ``ensemble``.
    output
        ``one`` arm, the ``top_k`` in equal shares, or ``weights`` for all.
    k
        Arms chosen when the output is ``top_k``.
    half_life, absent_ageing, window, pooling, share
        How it learns and forgets, see `nautilus_quant.learning.params.PolicyParams`.
    priors
        Expected reward and the evidence it counts for, by strategy id or by kind, e.g.
        ``{momentum: [0.1, 5]}`` [reward, evaluations]; others expect nothing.
    clip
        Largest reward either way [reward]: one wild interval must not decide everything. Typical 2-5.
    vol_half_life
        Half-life of the volatility rewards are scaled by [s].
    min_dwell, horizon, least_change
        How readily a choice is changed, see `nautilus_quant.learning.selector.SelectorParams`.
    half_spread
        Assumed in the would-be trades where no quote tells [fraction of price].
    impact
        Coefficient of square-root impact in the would-be trades [-].
    gates
        Names of the gates that put an arm to sleep; others only judge orders.
    seed
        Of the policies that draw.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    arms: dict[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    evaluation_interval: Seconds = 21_600.0
    policy: str = "ensemble"
    output: str = "one"
    k: PositiveInt = 2
    half_life: PositiveFloat = 250.0
    absent_ageing: Fraction = 0.1
    window: PositiveInt | None = None
    pooling: NonNegativeFloat = 25.0
    share: Fraction = 0.0
    priors: dict[str, tuple[float, float]] = field(default_factory=dict)
    clip: PositiveFloat = 3.0
    vol_half_life: Seconds = 259_200.0
    min_dwell: Seconds = 3_600.0
    horizon: PositiveFloat = 4.0
    least_change: Fraction = 0.05
    half_spread: Fraction = 0.0001
    impact: NonNegativeFloat = 0.0
    gates: tuple[str, ...] = ("regime", "performance")
    seed: int = 7
    state: str | None = None


def contest_of(config: MetaLearnerConfig, market: str, arms: list[Arm], number: int) -> Contest:
    """
    Return a fresh contest.

    Parameters
    ----------
    config
        How it is held.
    market
        Instrument id.
    arms
        Who competes.
    number
        Of the market among those of the node: each draws with a seed of its own.

    Raises
    ------
    ValueError
        If a parameter is impossible, or the policy is unknown.

    """
    params = PolicyParams(
        half_life=config.half_life,
        absent_ageing=float(config.absent_ageing),
        window=config.window,
        pooling=config.pooling,
        share=float(config.share),
        reward_low=-config.clip,
        reward_high=config.clip,
    )
    expected = [config.priors.get(arm.name, config.priors.get(arm.kind, (0.0, _WEAK))) for arm in arms]
    policy = make_policy(
        config.policy,
        len(arms),
        output=Output(Form(config.output), config.k),
        seed=config.seed + number,
        params=params,
        priors=Priors.of(len(arms), [mean for mean, _ in expected], [strength for _, strength in expected]),
    )
    selection = SelectorParams(
        min_dwell=float(config.min_dwell), horizon=config.horizon, least_change=float(config.least_change)
    )
    selector = Selector([arm.name for arm in arms], policy, selection)
    interval = float(config.evaluation_interval)
    scale = RewardScale(
        leverage=max((leg.leverage for arm in arms for leg in arm.legs), default=1.0),
        half_life=float(config.vol_half_life),
        bound=config.clip,
        spacing=min(_SPACING, interval / _SPACING),
    )
    return Contest(market, arms, selector, scale, interval=interval)
