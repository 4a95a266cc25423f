"""The benchmark of search measures searches that find what is nearest."""

from __future__ import annotations

from pathlib import Path

from speed.report import write_search_report
from speed.search import search_costs


def test_every_system_finds_the_nearest_vectors(tmp_path: Path) -> None:
    costs = search_costs(2000, tmp_path)
    assert [cost.system for cost in costs][:2] == ["ours", "numpy"]
    for cost in costs:
        assert cost.recall > (0.9 if cost.system == "faiss" else 0.99)  # faiss ranks by vectors of 8 bits
        assert min(cost.open, cost.first, cost.each, cost.hundred) > 0
    assert write_search_report(costs, 2000, tmp_path).startswith("| 2,000 vectors |")
