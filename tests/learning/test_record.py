import json
import math

from nautilus_quant.learning.record import Evaluation


def test_a_record_survives_json_with_nan_as_null():
    record = Evaluation(
        ts=5,
        market="BTCUSDT-PERP.SIM",
        regime="RANGING",
        trigger="interval",
        arms=("A-1", "B-2"),
        returns=(0.01, math.nan),
        rewards=(0.5, math.nan),
        awake=(True, False),
        weights=(1.0, 0.0),
        cost=0.0004,
    )

    text = json.dumps(record.to_dict(), allow_nan=False)
    back = Evaluation.from_dict(json.loads(text) | {"from_a_later_version": 1})

    assert json.loads(text)["returns"] == [0.01, None]
    assert back.returns[0] == 0.01
    assert math.isnan(back.returns[1])
    assert back.awake == (True, False)
    assert (back.ts, back.market, back.cost, back.means) == (5, "BTCUSDT-PERP.SIM", 0.0004, ())
