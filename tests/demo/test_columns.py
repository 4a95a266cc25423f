from __future__ import annotations

import pytest

from demo.input.columns import Column, parse_column, parse_columns
from demo.limits.errors import DemoError


def test_alignment_takes_what_is_asked_for_and_tells_what_is_missing() -> None:
    column = Column("aligned", "parallel")
    assert column.align("kaz", ["paraphrase", "parallel"]) == {"parallel": 1.0}
    assert column.align("deu", ["both"]) == {}
    assert column.missing("deu", ["both"]) == ["parallel"]


def test_alignment_without_an_objective_takes_both_or_what_there_is() -> None:
    assert Column("aligned").align("deu", ["both", "parallel"]) == {"both": 1.0}
    assert Column("aligned").align("kaz", ["paraphrase"]) == {"paraphrase": 1.0}
    assert Column("aligned").missing("tur", []) == ["any"]


def test_a_blend_may_differ_for_a_language() -> None:
    column = parse_column(
        {"kind": "blend", "weights": {"paraphrase": 0.7, "parallel": 0.3}, "languages": {"kaz": {"parallel": 1}}}
    )
    assert column.align("deu", ["paraphrase", "parallel"]) == {"paraphrase": 0.7, "parallel": 0.3}
    assert column.align("kaz", ["paraphrase", "parallel"]) == {"parallel": 1.0}
    assert column.align("tur", ["paraphrase"]) == {"paraphrase": 0.7}
    assert parse_column(column.to_record()) == column


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"kind": "other"}, "a kind of base, modules, aligned, blend"),
        ("base", "a kind of"),
        ({"kind": "aligned", "by": "../x"}, "alignment by both, paraphrase, parallel"),
        ({"kind": "blend", "weights": {"both": float("nan")}}, "weights from 0 to 2"),
        ({"kind": "blend", "weights": {"both": 10**400}}, "weights from 0 to 2"),
        ({"kind": "blend", "weights": {"both": True}}, "weights from 0 to 2"),
        ({"kind": "blend", "weights": {"evil": 1}}, "weights from 0 to 2"),
        ({"kind": "blend", "weights": [1]}, "expected weights as"),
        ({"kind": "blend", "weights": {}, "languages": ["deu"]}, "languages of a blend"),
    ],
)
def test_other_values_are_refused(record: object, says: str) -> None:
    with pytest.raises(DemoError, match=says):
        parse_column(record)


def test_the_number_of_columns_is_bounded() -> None:
    with pytest.raises(DemoError, match="1 to 4 compositions, found 5"):
        parse_columns([{"kind": "base"}] * 5, 4)
    with pytest.raises(DemoError, match="found NoneType"):
        parse_columns(None, 4)
