"""Asking: retries, patience, time-outs, memory. Against a local server that breaks off, hangs, refuses and recovers."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from email.utils import format_datetime

import pytest
from alliance.feeds.fetch import ATTEMPTS, FeedError, Fetcher
from alliance.problems import AllianceError
from offices import Office

BUSY = (429, {"Retry-After": "1"}, b'{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 1 seconds."}')
DOWN = (503, {"Content-Type": "text/html"}, b"<html>Service Unavailable</html>")


class Echo(Office):
    def answer(self, path, query):
        return {"path": path} | query


@pytest.fixture
def office():
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def fetcher(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLIANCE_FEED_PAUSE", "0.01")
    monkeypatch.setenv("ALLIANCE_FEED_SECONDS", "2")
    return lambda **options: Fetcher("The office", tmp_path / "cache", **options)


def ask(fetcher: Fetcher, office: Office, number: int = 1):
    return fetcher.get(f"{office.url}/x", {"n": number}, lambda answer: answer)


def test_a_busy_office_is_asked_again_after_the_time_it_names(office, fetcher):
    office.faults = [BUSY]
    start = time.monotonic()
    assert ask(fetcher(), office) == {"path": "/x", "n": "1"}
    assert time.monotonic() - start >= 1
    assert len(office.asked) == 2


def test_the_time_may_be_a_date(office, fetcher):
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    office.faults = [(429, {"Retry-After": format_datetime(soon, usegmt=True)}, b"{}")]
    start = time.monotonic()
    ask(fetcher(), office)
    assert 0.5 < time.monotonic() - start < 4


def test_who_is_asked_to_wait_for_hours_is_told_so_at_once(office, fetcher):
    said = b'{"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 05:00:00."}'
    office.faults = [(429, {"Retry-After": "18000"}, said)]
    with pytest.raises(FeedError, match=r"come back in 300 minutes.*call volume quota"):
        ask(fetcher(), office)
    assert len(office.asked) == 1


def test_faults_that_pass_are_waited_out(office, fetcher):
    office.faults = [DOWN, (500, {}, b"")]
    assert ask(fetcher(), office)["n"] == "1"


def test_after_some_attempts_it_is_an_outage(office, fetcher):
    office.faults = [DOWN] * 9
    with pytest.raises(FeedError, match=r"could not be reached: status 503.*The data are as they were") as caught:
        ask(fetcher(), office)
    assert caught.value.code == 6
    assert len(office.asked) == ATTEMPTS


def test_a_refusal_is_not_repeated(office, fetcher):
    office.faults = [(401, {}, b'{"statusCode": 401, "message": "Access denied due to invalid subscription key."}')]
    with pytest.raises(FeedError, match=r"status 401.*invalid subscription key"):
        ask(fetcher(headers={"Key": "secret"}), office)
    assert len(office.asked) == 1


def test_a_redirect_is_not_followed_since_the_key_would_go_along(office, fetcher):
    other = Echo()
    office.faults = [(302, {"Location": f"{other.url}/x"}, b"")]
    with pytest.raises(FeedError, match="status 302"):
        ask(fetcher(headers={"Key": "secret"}), office)
    assert other.asked == []
    other.close()


def test_silence_ends_in_a_time_out(office, fetcher, monkeypatch):
    monkeypatch.setenv("ALLIANCE_FEED_SECONDS", "0.2")
    office.faults = [lambda *_: time.sleep(0.6)] * 9
    with pytest.raises(FeedError, match=r"no answer within 0\.2 seconds"):
        ask(fetcher(), office)


def test_an_answer_that_drips_ends_in_a_time_out(office, fetcher, monkeypatch):
    class Slow(Echo):
        def good(self, path, query):
            return 200, {}, Drip(b'{"a": "' + b"x" * 40 + b'"}')

    class Drip(bytes):
        """Written byte by byte: each comes within the time allowed, all of them do not."""

    slow = Slow()
    handler = slow.server.RequestHandlerClass
    setup = handler.setup

    def dripping(self):
        setup(self)
        write = self.wfile.write
        self.wfile.write = lambda b: [(write(b[i : i + 1]), time.sleep(0.02)) for i in range(len(b))] if isinstance(b, Drip) else write(b)

    monkeypatch.setattr(handler, "setup", dripping)
    monkeypatch.setenv("ALLIANCE_FEED_SECONDS", "0.3")
    monkeypatch.setattr("alliance.feeds.fetch.ATTEMPTS", 2)
    with pytest.raises(FeedError, match=r"took more than 0\.3 seconds"):
        ask(fetcher(), slow)
    slow.close()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Maintenance</title>"), "a web page"),
        ((200, {}, b'[{"page": 1, "pages"'), "no JSON, or cut short"),
        ((200, {}, b""), "no JSON, or cut short"),
        ((200, {"Content-Length": "5000", "Connection": "close"}, b'{"a": 1}'), "broke off|no answer within"),
    ],
)
def test_an_answer_that_is_no_answer_is_asked_for_again_and_then_given_up(office, fetcher, reply, words):
    office.faults = [reply]
    assert ask(fetcher(), office)["n"] == "1"
    office.faults = [reply] * 9
    with pytest.raises(FeedError, match=words):
        ask(fetcher(fresh=True), office)


def test_nobody_at_home(fetcher):
    office = Echo()
    office.close()
    with pytest.raises(FeedError, match="no connection"):
        ask(fetcher(), office)


def test_an_answer_without_end_is_cut(office, fetcher, monkeypatch):
    monkeypatch.setattr("alliance.feeds.fetch.MAX_BYTES", 1000)
    office.faults = [(200, {}, b"1" * 5000)]
    with pytest.raises(FeedError, match="sends more than"):
        ask(fetcher(), office)


@pytest.mark.parametrize("stumble", [lambda a: int(a["path"]), lambda a: a["no"], lambda a: a + 1, lambda a: a.rows, lambda a: 1 / 0])
def test_an_answer_that_nobody_foresaw_is_an_outage_and_kept_for_a_look(office, fetcher, tmp_path, stumble):
    with pytest.raises(FeedError, match=r"The office: the answer has another form than documented .*kept in .*refused") as caught:
        fetcher().get(f"{office.url}/x", {"n": 1}, stumble)
    assert caught.value.code == 6
    (body,) = (tmp_path / "cache" / "refused").glob("*.body")
    assert body.read_bytes() == b'{"path": "/x", "n": "1"}'
    assert not list((tmp_path / "cache").glob("*.body"))  # it is not used again


def test_an_answer_without_bottom_is_given_up(office, fetcher):
    office.faults = [(200, {}, b"[" * 200_000)] * 9
    with pytest.raises(FeedError, match="no JSON"):
        ask(fetcher(), office)


@pytest.mark.parametrize("setting", ["ALLIANCE_FEED_SECONDS", "ALLIANCE_FEED_PAUSE"])
@pytest.mark.parametrize("text", ["soon", "", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_named_with_its_setting(fetcher, monkeypatch, setting, text):
    monkeypatch.setenv(setting, text)
    with pytest.raises(AllianceError, match=f"{setting}={text}: this is no number of seconds. Write one such as") as caught:
        fetcher()
    assert caught.value.code == 2


def test_answers_are_kept_as_they_came_with_time_and_hash(office, fetcher, tmp_path):
    ask(fetcher(headers={"Key": "secret"}), office)
    (body,) = (tmp_path / "cache").glob("*.body")
    record = json.loads(body.with_suffix(".json").read_text(encoding="utf-8"))
    assert body.read_bytes() == b'{"path": "/x", "n": "1"}'
    assert record["sha256"] == hashlib.sha256(body.read_bytes()).hexdigest()
    assert record["question"] == f"{office.url}/x?n=1"
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(record["fetched"])
    assert age < datetime.timedelta(minutes=1)
    assert all(b"secret" not in f.read_bytes() for f in (tmp_path / "cache").iterdir())


def test_a_later_run_goes_on_where_an_outage_stopped_it(office, fetcher):
    first = fetcher()
    for number in (1, 2):
        ask(first, office, number)
    office.faults = [DOWN] * ATTEMPTS
    with pytest.raises(FeedError):
        ask(first, office, 3)
    office.asked.clear()
    second = fetcher()
    assert [ask(second, office, n)["n"] for n in (1, 2, 3)] == ["1", "2", "3"]
    assert [query["n"] for _, query, _ in office.asked] == ["3"]
    assert (second.asked, second.remembered) == (1, 2)


def test_a_damaged_or_old_answer_and_a_fresh_run_ask_again(office, fetcher, tmp_path):
    ask(fetcher(), office)
    (body,) = (tmp_path / "cache").glob("*.body")
    body.write_bytes(body.read_bytes()[:-3])
    ask(fetcher(), office)
    assert len(office.asked) == 2
    for file in (tmp_path / "cache").glob("*.json"):
        record = json.loads(file.read_text(encoding="utf-8"))
        old = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
        file.write_text(json.dumps(record | {"fetched": old.isoformat()}), encoding="utf-8")
    ask(fetcher(), office)
    assert len(office.asked) == 3
    ask(fetcher(), office)
    assert len(office.asked) == 3
    ask(fetcher(fresh=True), office)
    assert len(office.asked) == 4


def test_between_two_questions_there_is_a_pause(office, fetcher, monkeypatch):
    monkeypatch.setenv("ALLIANCE_FEED_PAUSE", "0.2")
    polite, start = fetcher(), time.monotonic()
    for number in (1, 2, 3):
        ask(polite, office, number)
    assert time.monotonic() - start >= 0.4
