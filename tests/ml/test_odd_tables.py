"""Tables as nobody would make them: each is learned from, or refused with a remedy; none is a crash."""

from pathlib import Path

import pytest

from tests.ml.conftest import Place

PROJECT = """
name: odd
version: "1.0.0"
profile: odd
flags: {send_anonymous_usage_stats: false}
models: {odd: {+materialized: table}}
"""
PROFILE = "odd: {target: dev, outputs: {dev: {type: duckdb, path: odd.duckdb}}}"
DECLARED = """
exposures:
  - name: odd
    type: ml
    owner: {name: Nobody}
    depends_on: [ref('feat_odd')]
    config: {meta: {martlet: {target: outcome, task: TASK, entity: key, search: {seconds: 2, trials: 3}}}}
"""
# By name; each beside a signal that can be learned.
ODD = {
    "select": "date '0001-01-01' + (noise * 900000)::int",
    'with"quote': "noise * 1e300",
    "it's": "noise * 1e-300",
    "{{x}}": "cast(null as double)",
    "a b": "cast(null as varchar)",
    "Größe": "['ä', '日本', '🙂', ' ', null][1 + (noise * 4.99)::int]",
    "%": "'id' || range",
    "true": "case when noise < 0.1 then 'nan'::double else noise end",
    "index": "timestamptz '2020-01-01 00:00:00+00' + to_seconds((noise * 1e8)::bigint)",
    "level_0": "(noise * 1e9)::hugeint * 1000000000000000000",
    "prediction_of": "(noise * 1e18)::ubigint",
    "1st": "(noise * 1000)::decimal(12, 2)",
    "a,b": "case when noise < 0.3 then null else noise < 0.5 end",
    "x.y": "repeat('x', 5000) || (noise * 3)::int",
    "class": "(['a', 'b'][1 + (noise < 0.5)::int])::enum('a', 'b', 'c')",
    "None": "uuid()",
    "once": "case when range = 3 then 'once' else 'often' end",
}
# These are no features; the others are learned from.
NO_FEATURES = {
    "list": "[noise, 1]",
    "struct": "{'a': noise, 'b': [signal]}",
    "json": "json_object('a', noise)",
    "map": "map {'a': noise}",
    "blob": "encode(range::varchar)",
    "time": "time '01:02:03' + to_seconds((noise * 1000)::bigint)",
    "interval": "to_seconds((noise * 1000)::bigint)",
    "bit": "(noise * 1000)::int::bit",
}


def odd(directory: Path, task: str, columns: dict[str, str], outcome: str) -> Place:
    (directory / "models").mkdir(parents=True)
    listed = "".join(', {} as "{}"'.format(sql, name.replace('"', '""')) for name, sql in columns.items())
    shares = [
        f"(hash(range + {seed}) % 1000003) / 1000003.0 as {name}" for seed, name in ((0, "noise"), (999, "signal"))
    ]
    rows = f"select range, {', '.join(shares)} from range(400)"
    target = f"case when range % 8 = 0 then null else {outcome} end as outcome"
    query = f"select range as key, signal{listed}, {target} from ({rows})"
    (directory / "models" / "feat_odd.sql").write_text(f"{{% raw %}}{query}{{% endraw %}}")
    (directory / "models" / "odd.yml").write_text(DECLARED.replace("TASK", task))
    (directory / "dbt_project.yml").write_text(PROJECT)
    (directory / "profiles.yml").write_text(PROFILE)
    return Place(directory, directory / "odd.duckdb", directory / "target")


@pytest.mark.parametrize(
    ("task", "outcome"),
    [("classification", "signal + 0.2 * noise > 0.6"), ("regression", "1e6 * (signal + 0.2 * noise)")],
)
def test_odd_columns_are_learned_from_and_scored(tmp_path: Path, task: str, outcome: str) -> None:
    place = odd(tmp_path / "odd", task, ODD | NO_FEATURES, outcome)
    result = place.martlet("run")
    assert result.exit_code == 0, result.output
    told = " ".join(place.sql("select message from ml.checks")["message"])
    assert all(f"'{name}' is no feature: it is a " in told for name in NO_FEATURES)
    assert place.count("ml.odd") == 50
    assert place.count("ml.odd where isfinite(prediction) and length(reasons) > 2") == 50
    known = place.sql("select distinct feature from ml.profiles")["feature"]
    assert {"select", 'with"quote', "{{x}}", "%", "index"} <= set(known)
    assert not set(NO_FEATURES) & set(known)
    again = place.martlet("watch")
    assert again.exit_code in (0, 1), again.output  # 1: fifty rows may well look unlike the others
    assert again.exception is None or isinstance(again.exception, SystemExit)


def test_an_outcome_beyond_all_measure_is_told(tmp_path: Path) -> None:
    place = odd(tmp_path / "odd", "regression", {"once": ODD["once"]}, "signal * 1e200")
    assert place.martlet("run").exit_code == 1
    result = place.martlet("train", "--force")
    assert result.exit_code == 1
    assert "every estimator failed" in result.stderr.replace("\n", " "), result.output


@pytest.mark.parametrize(
    ("name", "sql", "message"),
    [
        ("far", "case when noise < 0.1 then 'infinity'::date else current_date end", "'far' is infinite in"),
        ("far", "case when noise < 0.1 then '-inf'::double else noise end", "'far' is infinite in"),
    ],
)
def test_what_cannot_be_a_feature_is_told(tmp_path: Path, name: str, sql: str, message: str) -> None:
    result = odd(tmp_path / "odd", "regression", {name: sql}, "signal").martlet("run")
    assert (result.exit_code, message in result.stderr.replace("\n", " ")) == (1, True), result.output
