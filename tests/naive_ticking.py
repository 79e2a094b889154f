"""Slow, obvious twin of the ticker: one series, one reading at a time, an `if` for every case."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

F = np.float32
ZERO, SHARE, EXCESS, NONE = F(0), F(0.05), F(0.02), F(-1)


@dataclass
class Series:
    """What is known of one series, and the rules it is judged by."""

    level_s: float
    recent_s: float
    tail_s: float
    threshold: float
    confirm: int
    warm_up: int
    calm_s: float
    accept_s: float
    silent_s: float
    floor: float = 0.0
    relative: float = 0.0
    time_s: float = -math.inf
    level: F = ZERO
    spread: F = ZERO
    recent: F = ZERO
    swing: F = ZERO
    share: F = SHARE
    excess: F = EXCESS
    recent_share: F = SHARE
    recent_excess: F = EXCESS
    young_share: F = SHARE
    young_excess: F = EXCESS
    young_recent_share: F = SHARE
    young_recent_excess: F = EXCESS
    seen: int = 0
    over: int = 0
    event_s: F = NONE
    calm: F = ZERO
    silent: F = ZERO

    def state(self):
        return [self.level, self.spread, self.recent, self.swing, self.share, self.excess, self.recent_share,
                self.recent_excess, self.young_share, self.young_excess, self.young_recent_share,
                self.young_recent_excess, self.seen, self.over, self.event_s, self.calm, self.silent]  # fmt: skip

    def tick(self, value, time_s):
        """Judge, then learn; gives the score and what happened, in words."""
        if time_s <= self.time_s:
            return F(0), set()
        elapsed = time_s - self.time_s if math.isfinite(self.time_s) else 0.0
        self.time_s = time_s
        known = bool(np.isfinite(F(value)))
        was_silent = self.silent >= F(self.silent_s)
        self.silent = F(0) if known else self.silent + F(elapsed)
        happened = set()
        if self.seen >= self.warm_up:
            if was_silent and known:
                happened.add("spoke_again")
            if not was_silent and self.silent >= F(self.silent_s):
                happened.add("fell_silent")
        score = self.judged(F(value), elapsed, happened) if known else F(0)
        if not known and self.event_s >= 0:
            self.event_s += F(elapsed)
            self.close(happened)
        self.seen = min(self.seen + known, 65_535)
        return score, happened

    def judged(self, value, elapsed, happened):
        x = min(max(value, F(-1e30)), F(1e30))
        if self.seen == 0:
            self.level = self.recent = x
        floor = max(F(self.floor), F(1e-30))
        scale = max(self.spread, floor, max(F(self.relative), F(1e-6)) * abs(self.level))
        sigmas = min(abs(x - self.level) / scale, F(1e6))
        self.follow(x, scale, weight(elapsed, self.recent_s, 3))
        white = F(math.sqrt(weight(elapsed, self.recent_s, 3) / (2.0 - weight(elapsed, self.recent_s, 3))))
        recent_sigmas = min(abs(self.recent - self.level) / (scale * white), F(1e6))
        score = max(rarity(sigmas, self.share, self.excess),
                    rarity(recent_sigmas, self.recent_share, self.recent_excess))  # fmt: skip
        if self.seen < self.warm_up:
            score = F(0)
        was_free = self.event_s < 0
        counts = score >= F(self.threshold) if was_free else sigmas < F(2)
        self.over = self.over + 1 if counts else 0
        if was_free:
            if score >= F(self.threshold) and self.over >= self.confirm:
                happened.add("began")
                self.event_s, self.calm, self.over = F(0), F(0), 0
        else:
            if self.over >= self.confirm:
                self.recent, self.swing = self.level, self.spread * F(1 / 1.2533)
            self.event_s += F(elapsed)
            self.calm = self.calm + F(elapsed) if score < F(0.5 * self.threshold) else F(0)
            self.close(happened)
        if was_free:
            self.learn(x, scale, sigmas, recent_sigmas, elapsed, level_before=self.level)
        return score

    def close(self, happened):
        if self.calm >= F(self.calm_s):
            happened.add("ended")
        elif self.event_s >= F(self.accept_s):
            happened.add("accepted")
            self.level = self.recent
            self.spread = max(self.spread, F(1.2533) * self.swing)
        else:
            return
        self.event_s, self.calm, self.over = F(-1), F(0), 0

    def follow(self, x, scale, w):
        gain = max(F(w), F(1) / F(self.seen + 1))
        bound = max(scale, self.swing) * F(4)
        move = x - self.recent
        self.swing += gain * (min(abs(move), F(2) * bound) - self.swing)
        self.recent += min(max(move, -bound), bound) * gain

    def learn(self, x, scale, sigmas, recent_sigmas, elapsed, level_before):
        half = self.warm_up // 2
        if self.seen >= half:
            soon = max(F(weight(elapsed, 600, 10)), F(1) / F(self.seen + 1 - half))
            late = max(F(weight(elapsed, self.tail_s, 400)), F(1) / F(self.seen - half + 100))
            for size, tail in ((sigmas, ""), (recent_sigmas, "recent_")):
                beyond = min(max(size - F(2), F(0)), F(32))
                for name, new in ((f"{tail}share", F(beyond > 0)), (f"{tail}excess", beyond)):
                    young, old = getattr(self, f"young_{name}"), getattr(self, name)
                    young += soon * (new - young)
                    setattr(self, f"young_{name}", young)
                    setattr(self, name, old + late * (young - old))
        away = x - level_before
        bound = F(1e30) if self.seen < half else scale * F(3)
        move = min(max(away, -bound), bound)
        w = F(weight(elapsed, self.level_s, 30))
        self.spread += max(w, F(1) / F(max(self.seen, 1))) * (F(1.2533) * abs(move) - self.spread)
        self.level += move * max(w, F(1) / F(self.seen + 1))


def weight(elapsed, over_s, fewest):
    """How much one instant counts in a running mean."""
    return min(1 / fewest, -math.expm1(-elapsed / over_s)) if elapsed else 1 / fewest


def rarity(sigmas, share, excess):
    """Minus the decimal logarithm of the chance of so many sigmas."""
    beyond = share + F(0.005)
    mean_excess_ln10 = (excess + F(0.002)) * F(math.log(10.0))
    return max((sigmas - F(2)) * (beyond / mean_excess_ln10) - np.log10(beyond), F(0))
