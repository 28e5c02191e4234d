"""What users can type is documented, and what the documents name exists."""

import re
from dataclasses import fields
from itertools import chain
from pathlib import Path

import click
import pytest

from ml.boards.declaration import (
    ANNOTATION_KEYS,
    BOARD_KEYS,
    FILTER_KEYS,
    METRIC_KEYS,
    MODEL_KEYS,
    RUNS_KEYS,
    TARGET_KEYS,
)
from ml.cli import main
from ml.declaration import DECISION_KEYS, KEYS, RETRAIN_KEYS, SEARCH_KEYS
from ml.tables import TABLES
from ml.watch.drift import Limits
from tests.ml.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_command_and_option_is_in_the_documentation() -> None:
    text = page("docs/commands.md")
    for name, command in main.commands.items():
        assert f"`martlet {name}`" in text
        for option in chain.from_iterable(one.opts for one in command.params if isinstance(one, click.Option)):
            assert f"`{option}`" in text, f"{name} {option}"


def test_every_key_of_a_declaration_is_in_the_documentation() -> None:
    text = page("docs/predictions.md")
    parts = {"search": SEARCH_KEYS, "decision": DECISION_KEYS, "retrain": RETRAIN_KEYS}
    for key in (*KEYS, *(f"{whole}.{key}" for whole, keys in parts.items() for key in keys)):
        assert f"`{key}`" in text, key


def test_every_key_of_a_board_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "boards.md").read_text()
    keys = (BOARD_KEYS, FILTER_KEYS, TARGET_KEYS, ANNOTATION_KEYS, METRIC_KEYS, MODEL_KEYS, RUNS_KEYS)
    assert [key for known in keys for key in known if f"`{key}`" not in page] == []


def test_every_limit_of_drift_is_in_the_documentation() -> None:
    text = page("docs/operations.md")
    for limit in fields(Limits):
        assert f"`drift_{limit.name}`" in text, limit.name


def test_every_table_of_the_ledger_is_in_the_documentation() -> None:
    text = page("docs/predictions.md")
    assert [name for name in TABLES if f"ml.{name}" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_the_readme_fits_on_a_screen_and_names_only_paths_that_exist() -> None:
    text = page("README.md")
    assert len(text.splitlines()) <= 65
    for place in re.findall(r"`((?:models|macros|seeds|ml|docs)/[\w/.]*)`", text):
        assert (ROOT / place).exists(), place


def test_every_target_of_the_makefile_is_explained() -> None:
    text = page("Makefile")
    targets = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
    assert [target for target in targets if not re.search(rf"^{target}:.*## ", text, re.MULTILINE)] == []
