"""The pages say what is: every word of the mapping language, every setting, every command, every link."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from steelthread.intake import compile_mapping, language
from steelthread.intake.source import SourceFile, read_source
from steelthread.kit.settings import Settings
from steelthread.model import load_model

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")], key=str)


def _blocks(path, kind):
    return re.findall(rf"```{kind}\n(.*?)```", path.read_text(), re.DOTALL)


def _columns(content):
    """Return every column that a mapping names."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name in ("column", "key", "concat", "ignore") and isinstance(value, str | list):
                yield from [value] if isinstance(value, str) else value
            elif name == "attributes":
                yield from (one for one in value.values() if isinstance(one, str))
                yield from _columns(value)
            elif name != "lookup":
                yield from _columns(value)
    elif isinstance(content, list):
        for one in content:
            yield from _columns(one)


@pytest.mark.parametrize("number", range(len(_blocks(ROOT / "docs/sources.md", "yaml"))))
def test_every_mapping_of_the_page_is_one(number):
    text = _blocks(ROOT / "docs/sources.md", "yaml")[number]
    columns = sorted(set(_columns(yaml.safe_load(text))))
    model = load_model()
    source = read_source(text, ROOT / "sources" / "page.yaml", model)
    assert compile_mapping(source, model, columns, "GB").unmapped == []


def _words(struct):
    return {struct_field.encode_name for struct_field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize(
    "struct",
    [
        language.AttributeMapping, language.Condition, language.PartyMapping, language.ParentMapping, language.Moment,
        language.EntityMapping, language.IdentifierMapping, language.RowHash, SourceFile,
    ],
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_every_word_of_the_language_is_on_the_page(struct):
    page = (ROOT / "docs/sources.md").read_text()
    missing = {word for word in _words(struct) if not re.search(rf"\b{word}\b", page)}
    assert not missing


def test_every_setting_is_on_the_page():
    page = (ROOT / "docs/settings.md").read_text()
    for section in msgspec.structs.fields(Settings):
        for setting in msgspec.structs.fields(section.type):
            assert re.search(rf"\b{setting.name}\b", page), f"{section.name}.{setting.name}"


def test_every_command_of_the_pages_is_one():
    told = subprocess.run([sys.executable, "-m", "steelthread", "--help"], capture_output=True, text=True, check=True)
    known = set(re.findall(r"^│ +([a-z]+)", told.stdout, re.MULTILINE)) or set(told.stdout.split())
    for page in PAGES:
        for block in (
            *_blocks(page, ""),
            *_blocks(page, "sh"),
            *re.findall(r"`(steelthread [^`]+)`", page.read_text()),
        ):
            for name in re.findall(r"(?:^|&& )steelthread ([a-z]+)", block, re.MULTILINE):
                assert name in known, f"{page.name}: steelthread {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_file_that_a_page_names_is_there():
    for page in PAGES:
        for name in re.findall(r"`((?:src|tests|docs|examples|benchmarks)/[\w./]+)`", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name}: {name}"
