"""A model of `window_features` may be built a slice of time or of entities at a time: no cell differs."""

import subprocess
from pathlib import Path

import duckdb

from tests.ml.conftest import DBT, ROOT

FEATURES = """
{{ window_features(
    ref('population'), ref('visits').render(), 'patient', 'as_of', 'happened_at', [7, 28],
    counts={'visits': '1'}, sums={'paid': 'price'}, averages={'price': 'price'}, distincts={'doctors': 'doctor'},
    minima={'cheapest': 'price'}, maxima={'dearest': 'price'}, trends={'trend': 'price'}
) }}
"""
OF_TIME = (
    "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='as_of', "
    "batch_size='month', begin='2024-01-01') }}"
)
OF_ENTITIES = "{{ config(materialized='table', meta={'martlet': {'build_in_slices': 4}}) }}"
FILES = {
    "dbt_project.yml": f"name: martlet\nprofile: clinic\nmacro-paths: ['{ROOT}/macros/features']\n",
    "profiles.yml": "clinic: {target: dev, outputs: {dev: {type: duckdb, path: clinic.duckdb}}}",
    "models/clinic.yml": (
        "models:\n  - {name: population, config: {event_time: as_of}}\n"
        "  - {name: visits, config: {event_time: happened_at}}\n"
    ),
    "models/visits.sql": (
        "{{ config(materialized='table') }} select hash(range) % 20 as patient, hash(range, 1) % 5 as doctor, "
        "(hash(range, 2) % 1000)::decimal(10, 2) as price, "
        "timestamp '2023-11-01' + to_hours((hash(range, 3) % 4500)::int) as happened_at from range(3000)"
    ),
    "models/population.sql": (
        "select patient, as_of from (select range as patient from range(25)) cross join "
        "(select unnest(generate_series(timestamp '2024-01-01', timestamp '2024-04-22', interval 7 day)) as as_of)"
    ),
    "models/whole.sql": "{{ config(materialized='table') }}" + FEATURES,
    "models/of_time.sql": OF_TIME + FEATURES,
    "models/of_entities.sql": OF_ENTITIES + FEATURES,
    "models/unsliced.sql": OF_ENTITIES + "select * from {{ ref('population') }}",
    "models/rows.sql": OF_ENTITIES + "select *, 1 as one from {{ slice_of(ref('population'), 'patient') }}",
}


def test_slices_equal_the_whole(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [DBT, "--no-send-anonymous-usage-stats", "run", "--event-time-start", "2024-01-01"]
    done = subprocess.run(
        [*command, "--event-time-end", "2024-05-01"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "ERROR=1" in done.stdout, done.stdout
    assert "nothing in it is sliced, so its rows would be stored 4 times" in done.stdout  # of models/unsliced.sql
    assert done.stdout.count("of_time") >= 4  # a batch for each month
    statements = (tmp_path / "target" / "run" / "martlet" / "models" / "of_entities.sql").read_text()
    assert statements.count("insert into") == 3  # the other slices, one statement each
    with duckdb.connect(str(tmp_path / "clinic.duckdb")) as database:
        for name in ("of_time", "of_entities"):
            found = database.execute(f"select count(*), sum(doctors_28d) > 0 from {name}").fetchall()
            assert found == [(425, True)]
            for one, other in (("whole", name), (name, "whole")):
                found = f"select count(*) from (from {one} except all from {other})"
                assert database.execute(found).fetchall() == [(0,)]
        assert database.execute("select count(*), sum(one) from rows").fetchall() == [(425, 425)]
        # As it stands, the compiled model means the whole: what an analyst copies into a client is right.
        compiled = (tmp_path / "target" / "compiled" / "martlet" / "models" / "of_entities.sql").read_text()
        assert database.execute(f"select count(*) from ({compiled})").fetchall() == [(425,)]
