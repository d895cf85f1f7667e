"""A policy that answers what it is told, and remembers what it heard."""

from __future__ import annotations

import numpy as np

from nautilus_quant.learning.policy import Beliefs


class Scripted:
    def __init__(self, *answers, arms=3):
        self.answers = [np.array(answer, dtype=float) for answer in answers]
        self.arms = arms
        self.handicaps = []
        self.asked = []
        self.heard = []
        self.places = None

    def select(self, awake, regime, handicap):
        self.handicaps.append(handicap)
        self.asked.append((awake.tolist(), regime))
        return self.answers.pop(0)

    def update(self, rewards, regime, weight=1.0):
        self.heard.append((rewards.tolist(), regime, weight))

    def beliefs(self, regime):
        return Beliefs(np.zeros(self.arms), np.ones(self.arms), np.zeros(self.arms))

    def to_dict(self):
        return {"left": len(self.answers)}

    def restore(self, state, places):
        self.places = places
        return self
