# SPDX-License-Identifier: GPL-2.0-only
"""A figure that was measured several times: its median, and how far it spread."""

import math
import statistics


class Spread:
    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(self.values)
        self.least, self.most = self.values[0], self.values[-1]

    def confidence(self):
        """An interval that has the true median with a probability of 95 % or more, whatever the distribution: between
        two of the values, by the binomial distribution. None if there are too few for that (fewer than 6)."""
        n = len(self.values)
        below = 0.0
        rank = -1               # how many values may be cut off at either end
        while True:
            below += math.comb(n, rank + 1) / 2 ** n
            if below > 0.025:
                break
            rank += 1
        return (self.values[rank], self.values[n - 1 - rank]) if rank >= 0 else None

    def show(self, digits=2):
        """MEDIAN (LEAST-MOST)"""
        if len(self.values) == 1:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}-{self.most:.{digits}f})"

    def show_confidence(self, digits=3):
        """MEDIAN [FROM, TO] (LEAST-MOST)"""
        interval = self.confidence()
        between = f" [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]" if interval else ""
        return f"{self.median:.{digits}f}{between} ({self.least:.{digits}f}-{self.most:.{digits}f})"
