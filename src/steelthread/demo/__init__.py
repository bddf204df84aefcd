"""Demo: a made-up retailer with the dirt of real life, and the truth beside it."""

from steelthread.demo.company import DemoCompany, generate
from steelthread.demo.scoring import Score, score

__all__ = ["DemoCompany", "Score", "generate", "score"]
