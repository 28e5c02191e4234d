"""A bad load stops what depends on it and nothing else; its owner is told once when it begins and once when it ends."""

import email
import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiosmtpd.controller import Controller
from click.testing import Result

from ml.errors import ProjectError
from ml.watch.alerts import channels
from tests.ml.conftest import Place
from tests.ml.test_replay import KIOSK

SOURCES = """
sources:
  - name: raw
    config: {meta: {owner: Data team}}
    tables:
      - name: orders
        config: {event_time: ordered_on}
      - name: visits
        config: {event_time: ordered_on}
"""
CUT = "select * from {{ source('raw', '%s') }} where ordered_on < cast('{{ var(\"as_of\") }}' as timestamp)"


@dataclass
class Mailbox:
    """What a mail server and a web hook have received."""

    mails: list[str] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain", "html"))
        assert body is not None
        self.mails.append(f"{message['to']}\n{message['subject']}\n{body.get_content()}")
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, dict[str, str]]]:
    """A real mail server and a real web server on loopback, and the channels that lead to them."""
    box = Mailbox()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            box.posts.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    web = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    smtp = Controller(box, hostname="127.0.0.1", port=port)
    smtp.start()
    yield (
        box,
        {
            "default": f"json://127.0.0.1:{web.server_port}",
            "Data team": f"mailto://127.0.0.1:{port}?from=martlet@example.com&to=data@example.com",
        },
    )
    smtp.stop()
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kiosk with two predictions, each on a source table of its own, after a run as of July 1st."""
    directory = tmp_path_factory.mktemp("prepared") / "kiosk"
    shutil.copytree(KIOSK, directory)
    place = Place(directory, directory / "kiosk.duckdb", directory / "target")
    models = directory / "models"
    text = (models / "orders.sql").read_text()
    for name in ("as_of", "fault", "fault_from"):
        text = text.replace(f'{{{{ var("{name}") }}}}', {"fault_from": "2024-12-01"}.get(name, "none"))
    text = text.replace("{% if var('fault') == 'doubles' %}2{% else %}1{% endif %}", "1")
    start, end = text.index("{% if var('as_of')"), text.index("{% endif %}", text.index("{% if var('as_of')"))
    text = text[:start] + "true" + text[end + len("{% endif %}") :]
    with duckdb.connect(str(place.warehouse)) as live:
        live.execute("create schema raw")
        for table in ("orders", "visits"):
            live.execute(f"create table raw.{table} as {text}")
    for table in ("orders", "visits"):
        (models / f"{table}.sql").write_text(CUT % table)
    feature = (models / "feat_order.sql").read_text()
    (models / "feat_visit.sql").write_text(feature.replace("ref('orders')", "ref('visits')"))
    exposure = (models / "kiosk.yml").read_text().split("exposures:\n")[1]
    other = exposure.replace("order_again", "visit_again").replace("feat_order", "feat_visit")
    with (models / "kiosk.yml").open("a") as file:
        file.write(other)
    (models / "sources.yml").write_text(SOURCES)
    assert run(place, "2024-07-01", {}).exit_code == 0
    return directory


@pytest.fixture
def kiosk(prepared: Path, tmp_path: Path) -> Place:
    """A copy of it that the test may spoil."""
    directory = tmp_path / "kiosk"
    shutil.copytree(prepared, directory, symlinks=True)
    return Place(directory, directory / "kiosk.duckdb", directory / "target")


def run(kiosk: Place, as_of: str, given: dict[str, str]) -> Result:
    return kiosk.martlet("run", "--vars", json.dumps({"as_of": as_of, "alerts": given}))


def scored(kiosk: Place, prediction: str) -> int:
    return int(kiosk.sql(f"select count(distinct as_of_date) as dates from ml.{prediction}")["dates"][0])


def test_a_source_that_dried_up(kiosk: Place, mailbox: tuple[Mailbox, dict[str, str]]) -> None:
    box, given = mailbox
    kiosk.sql("create table spare as select * from raw.visits where ordered_on >= '2024-07-02'")
    kiosk.sql("delete from raw.visits where ordered_on >= '2024-07-02'")
    orders, visits = scored(kiosk, "order_again"), scored(kiosk, "visit_again")
    result = run(kiosk, "2024-07-08", given)
    assert result.exit_code == 1
    assert "raw.visits has 0% of the usual rows of the last 3 days" in result.output
    assert "Not scored: visit_again" in result.stderr
    assert scored(kiosk, "order_again") == orders + 1, "the rest goes on"
    assert scored(kiosk, "visit_again") == visits, "what was predicted before stays"
    assert len(box.mails) == 1
    assert box.posts == [], "nothing is wrong with what others own"
    for part in ("data@example.com", "1 new", "source of raw.visits", "0% of the usual rows", "What to do: Mend it"):
        assert part in box.mails[0], part
    assert run(kiosk, "2024-07-08", given).exit_code == 1
    kiosk.martlet("watch", "--vars", json.dumps({"as_of": "2024-07-08", "alerts": given}))
    assert len(box.mails) == 1, "it is told once, and a look at predictions does not end it"
    kiosk.sql("insert into raw.visits select * from spare")
    mended = run(kiosk, "2024-07-08", given)
    assert mended.exit_code == 0, mended.output
    assert scored(kiosk, "visit_again") == visits + 1
    assert len(box.mails) == 2
    assert "OVER" in box.mails[1]
    events = kiosk.sql("select event, kind, subject, owner from ml.alerts order by happened_at").to_numpy().tolist()
    assert events == [["started", "source", "raw.visits", "Data team"], ["ended", "source", "raw.visits", "Data team"]]
    steps = kiosk.sql(
        "select kind, status, seconds, core_seconds, peak_bytes, bytes_read, bytes_written from ml.steps "
        "where kind in ('train', 'score')"
    )
    assert (steps["status"] == "failed").sum() == 2, "the two held scorings"
    assert (steps["peak_bytes"] > 10_000_000).all()
    if Path("/proc/self/io").exists():
        assert (steps.loc[steps["kind"] == "train", ["bytes_read", "bytes_written"]] > 0).all(axis=None)
    assert steps.loc[steps["kind"] == "train", "core_seconds"].min() > 0


def test_a_source_that_doubled_or_lost_a_column(kiosk: Place) -> None:
    kiosk.sql("insert into raw.visits select v.* from raw.visits as v, range(3) where ordered_on = '2024-07-07'")
    told = r"raw.visits has \d\.\d times the usual rows of the last whole day"
    assert re.search(told, run(kiosk, "2024-07-08", {}).output)
    kiosk.sql("alter table raw.visits drop column channel")
    assert "raw.visits has changed: 'channel' vanished" in run(kiosk, "2024-07-08", {}).output


def test_a_model_that_fails_holds_only_what_needs_it(kiosk: Place, mailbox: tuple[Mailbox, dict[str, str]]) -> None:
    box, given = mailbox
    model = kiosk.directory / "models" / "feat_visit.sql"
    model.write_text(model.read_text().replace("customer_id is not null", "no_such_column is not null"))
    orders = scored(kiosk, "order_again")
    result = run(kiosk, "2024-07-08", given)
    assert result.exit_code == 1
    assert "no_such_column" in result.stderr
    assert scored(kiosk, "order_again") == orders + 1
    assert ["build of feat_visit" in str(post) for post in box.posts] == [True]
    other = kiosk.directory / "models" / "feat_order.sql"
    other.write_text(other.read_text().replace("customer_id is not null", "no_such_column is not null"))
    assert run(kiosk, "2024-07-08", given).exit_code == 1
    assert ["build of feat_order" in str(post) for post in box.posts] == [False, True], "told though nothing can go on"


def test_an_alert_that_could_not_be_delivered_is_tried_again(
    kiosk: Place, mailbox: tuple[Mailbox, dict[str, str]]
) -> None:
    box, given = mailbox
    kiosk.sql("alter table raw.visits drop column channel")
    nowhere = {"default": "json://127.0.0.1:1"}
    result = run(kiosk, "2024-07-08", nowhere)
    assert "Alerts of Data team could not be delivered" in result.stderr
    assert kiosk.count("ml.alerts") == 0
    run(kiosk, "2024-07-08", given)
    assert len(box.mails) == 1


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_TOKEN", "abc")
    assert channels({"alerts": {"default": ["slack://${SLACK_TOKEN}"]}}) == {"default": ["slack://abc"]}
    with pytest.raises(ProjectError, match="NO_TOKEN, which is not set"):
        channels({"alerts": {"default": "slack://${NO_TOKEN}"}})
    with pytest.raises(ProjectError, match="must map owners to Apprise URLs"):
        channels({"alerts": "slack://"})
