"""The mapping language: each word does what docs/sources.md says, and mistakes name their line."""

import pytest

from steelthread.intake import compile_mapping
from steelthread.intake.source import read_source
from steelthread.kit import Invalid
from steelthread.model import load_model

MODEL = load_model()


def mapped(attributes, cells, top=""):
    text = f"name: c\nkey: id\n{top}entities:\n  - entity: Individual\n    attributes: {attributes}\n"
    mapping = compile_mapping(read_source(text, "sources/c.yaml", MODEL), MODEL, ["id", "a", "b"])
    row = mapping.map(["1", *cells])
    return row.records[0].values, [issue.reason for issue in row.issues]


@pytest.mark.parametrize(
    ("attributes", "cells", "expected"),
    [
        ("{firstName: a}", ["Ann", ""], {"firstName": "Ann"}),
        ("{firstName: {concat: [a, b], separator: '-'}}", ["Ann", "Lee"], {"firstName": "Ann-Lee"}),
        ("{middleName: {column: a, split: ' ', part: 1}}", ["Ann Mary Lee", ""], {"middleName": "Mary"}),
        ("{lastName: {column: a, split: ' ', part: rest}}", ["Ann Mary Lee", ""], {"lastName": "Mary Lee"}),
        ("{lastName: {column: a, split: ' ', part: last, case: upper}}", ["Ann Lee", ""], {"lastName": "LEE"}),
        ("{lastName: {column: a, regex: '^(.+), (.+)$', group: 1}}", ["Lee, Ann", ""], {"lastName": "Lee"}),
        ("{lastName: {column: a, regex: '(?P<l>\\w+),', group: l}}", ["Lee, Ann", ""], {"lastName": "Lee"}),
        ("{genderId: {column: a, lookup: {yes: f, no: m}}}", ["YES", ""], {"genderId": "f"}),
        ("{genderId: {column: a, lookup: {m: male}, default: unknown}}", ["x", ""], {"genderId": "unknown"}),
        ("{genderId: {column: a, lookup: {m: male}, default: unknown}}", ["", ""], {"genderId": "unknown"}),
        ("{genderId: {column: a, default: unknown}}", ["NULL", ""], {"genderId": "unknown"}),
        ("{nameSuffix: {constant: 007}}", ["", ""], {"nameSuffix": "007"}),
        ("{tags: {column: a, split: ','}}", ["vip, new", ""], {"tags": ["vip", "new"]}),
        ("{tags: a}", ["x|y", ""], {"tags": ["x", "y"]}),
        ("{lastName: a, firstName: b}", ["Null", "nan"], {"lastName": "Null"}),
        ("{firstName: {column: a, when: {column: b, in: [x, y]}}}", ["Ann", "y"], {"firstName": "Ann"}),
        ("{firstName: {column: a, when: {column: b, matches: '^z'}}}", ["Ann", "y"], {}),
        ("{firstName: {column: a, when: {column: b, empty: true}}}", ["Ann", "n/a"], {"firstName": "Ann"}),
        ("{firstName: {column: a, when: {column: b}}}", ["Ann", "y"], {"firstName": "Ann"}),
    ],
)
def test_words(attributes, cells, expected):
    assert mapped(attributes, cells) == (expected, [])


def test_a_lookup_miss_is_set_aside():
    values, issues = mapped("{genderId: {column: a, lookup: {m: male}}}", ["q", ""])
    assert values == {}
    assert "lookup" in issues[0]


def test_a_birth_date_that_is_none_stays_with_its_row_as_it_was_typed():
    text = "name: c\nkey: id\nentities:\n  - entity: Individual\n    attributes: {birthDate: a, deathDate: b}\n"
    mapping = compile_mapping(read_source(text, "sources/c.yaml", MODEL), MODEL, ["id", "a", "b"])
    row = mapping.map(["1", "1961-02-83", "1999-13-01"])
    assert [issue.column for issue in row.issues] == ["a", "b"]
    assert row.extras == {"a": "1961-02-83"}
    assert mapping.map(["1", "1961-02-03", ""]).extras == {}


def test_norway_is_a_country():
    text = "name: c\nkey: id\ncountry: NO\nentities:\n  - entity: Individual\n    attributes: {firstName: a}\n"
    assert read_source(text, "c.yaml", MODEL).country == "NO"


@pytest.mark.parametrize(
    ("attributes", "top", "message"),
    [
        (
            "{firstName: a}",
            "priorty: 3\n",
            "line 3: the mapping: `priorty` is not understood here .did you mean `priority`",
        ),
        ("{firstName: a}", "digest: abc\n", "line 3: the mapping: `digest` is not understood here"),
        ("{firstName: a}", "place: Bonn\n", "line 3: the mapping: `place` is not understood here"),
        ("{firsName: a}", "", "line 5.*no attribute `firsName`.*firstName"),
        ("{firstName: zz}", "", "line 5: the file has no column zz. It has: id, a, b"),
        ("{firstName: {colum: a}}", "", "line 5.*`colum`.*did you mean `column`"),
        ("{firstName: {column: a, regex: '('}}", "", "line 5: not a regular expression"),
        ("{firstName: {column: a, regex: 'x', group: 1}}", "", "line 5: the pattern has no group 1"),
        ("{firstName: {column: a, when: {column: b, equal: y}}}", "", "line 5.*`equal` is not understood"),
        ("{firstName: {column: a, when: {column: b, equals: y, empty: true}}}", "", "one test"),
        ("{firstName: {column: a, part: second, split: ' '}}", "", "`part` is a number"),
        ("{firstName: {column: a, constant: b}}", "", "say one of"),
        ("{firstName: {column: a, case: camel}}", "", "line 5.*Invalid enum value"),
        ("{birthDate: {column: a, default: never}}", "", "line 5: the `default` is"),
        ("{firstName: a}", "key: []\n", "key"),
        ("[firstName]", "", "line 5"),
    ],
)
def test_mistakes_name_their_line(attributes, top, message):
    with pytest.raises(Invalid, match=message):
        mapped(attributes, ["x", "y"], top)


def test_broken_yaml_names_its_line():
    with pytest.raises(Invalid, match=r"c.yaml, line 3: not valid YAML"):
        read_source("name: c\nkey: [id\nentities: x: y\n", "c.yaml", MODEL)
