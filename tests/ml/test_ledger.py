"""The ledger's tables are defined once: the grocer's source YAML, its macro and Python agree."""

import yaml

from ml.ledger import Standing, signature_changes
from ml.tables import SCHEMA, TABLES
from tests.ml.conftest import ROOT

SOURCES = ROOT / "models" / "staging" / "ml" / "_ml__sources.yml"


def test_the_source_yaml_has_the_same_tables_columns_and_types() -> None:
    source = yaml.safe_load(SOURCES.read_text())["sources"][0]
    assert source["name"] == source.get("schema", source["name"]) == SCHEMA
    declared = {
        table["name"]: {column["name"]: column["data_type"] for column in table["columns"]}
        for table in source["tables"]
        if "prediction" not in table.get("config", {}).get("meta", {}).get("martlet", {})
    }
    assert declared == TABLES


def test_changes_of_features_are_named() -> None:
    known = {"age": "number", "city": "category"}
    assert signature_changes(known, known) == []
    assert signature_changes(known, {"age": "category", "size": "number"}) == [
        "'city' vanished",
        "'age' changed from number to category",
        "'size' appeared",
    ]
    many = {f"f{place}": "number" for place in range(40)}
    *named, rest = signature_changes(many, {})
    assert named == [f"'f{place}' vanished" for place in range(6)]
    assert rest == "34 more changes"


def test_a_negated_error_is_shown_as_the_error() -> None:
    standing = Standing("neg_root_mean_squared_error", -2.0, -3.0, -1.0, -4.0)
    assert standing.is_good
    assert str(standing) == "root_mean_squared_error 2 (1 to 3), baseline 4"
