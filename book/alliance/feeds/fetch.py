"""Asking an office: patiently, politely, once, and remembering every answer.

Answers lie as they came, with the time and a hash, in ``_build/feeds/<feed>/``. An answer of the last day is used
again, so that a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import requests
import tenacity

from alliance import journal
from alliance.problems import BAD_INPUT, UNREACHABLE, AllianceError, shorten

AGENT = "russia-china-alliance-2024 (alliance update)"
ATTEMPTS = 4
PATIENCE = 120  # seconds that an office may ask us to wait; beyond that the person decides
MAX_BYTES = 50 * 1024 * 1024
FRESH = datetime.timedelta(days=1)
PASSING = {408, 425, 429, 500, 502, 503, 504}


class FeedError(AllianceError):
    """An office cannot be reached, or answers in another way than its documentation says."""

    def __init__(self, message: str):
        super().__init__(message, UNREACHABLE)


class _PassingError(Exception):
    """A fault that may pass; ``wait`` is the time in seconds that the office asked for."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class Fetcher:
    """Asks one office for JSON.

    Parameters
    ----------
    office : its name, for messages
    cache : folder of the answers
    headers : sent with every request and kept nowhere, such as a key
    fresh : ask again even where an answer of the last day is there

    Raises
    ------
    AllianceError
        If a setting of the environment is no number of seconds.
    """

    def __init__(self, office: str, cache: Path, headers: dict[str, str] | None = None, fresh: bool = False):
        self.office, self.cache, self.fresh = office, cache, fresh
        self.seconds = _seconds("ALLIANCE_FEED_SECONDS", "60", least=0.01)
        self.pause = _seconds("ALLIANCE_FEED_PAUSE", "1", least=0)
        self.asked = self.remembered = 0
        self.fetched: list[datetime.datetime] = []
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": AGENT, "Accept": "application/json"} | (headers or {}))

    def get(self, address: str, parameters: dict, understand: Callable):
        """What the office answers.

        Parameters
        ----------
        address, parameters : the question
        understand : makes something of the decoded JSON, and raises ``FeedError`` if it is not as documented

        Raises
        ------
        FeedError
            If there is no answer, after some attempts, or ``understand`` refuses it.
        """
        question = f"{address}?{urlencode(parameters, safe=';:,')}"
        stored = None if self.fresh else self._stored(question)
        if stored is not None:
            body, fetched = stored
            self.remembered += 1
        else:
            body, fetched = self._ask_patiently(question), datetime.datetime.now(datetime.UTC)
        try:
            meaning = _understood(understand, json.loads(body))
        except FeedError as error:
            place = self._store(question, body, fetched, refused=True)
            raise FeedError(f"{self.office}: {error} The answer is kept in {place}.") from error
        if stored is None:
            self._store(question, body, fetched)
        self.fetched.append(fetched)
        return meaning

    def _ask_patiently(self, question: str) -> bytes:
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            reraise=True,
        )
        try:
            return attempts(self._ask, question)
        except _PassingError as fault:
            raise FeedError(
                f"{self.office} could not be reached: {fault} ({ATTEMPTS} attempts, {_host(question)}). "
                "The data are as they were. Run the command again later; what was fetched is kept."
            ) from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        asked = state.outcome.exception().wait
        return asked if asked is not None else tenacity.wait_exponential_jitter(multiplier=self.pause, max=30, jitter=self.pause)(state)

    def _ask(self, question: str) -> bytes:
        if self.asked:
            time.sleep(self.pause)
        self.asked += 1
        try:
            # No redirects: a key must not follow to another host.
            with self._session.get(question, timeout=(min(10, self.seconds), self.seconds), stream=True, allow_redirects=False) as answer:
                body = self._body(answer)
        except requests.RequestException as error:
            raise _PassingError(_in_words(error, self.seconds)) from None
        self._refuse_status(answer, body)
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            kind = "a web page" if body.lstrip()[:1] == b"<" else "no JSON, or cut short"
            raise _PassingError(f"the answer is {kind} ({shorten(body[:80].decode('utf-8', 'replace'))})") from None
        return body

    def _body(self, answer: requests.Response) -> bytes:
        """The whole body, unless it takes too long or never ends."""
        end, body = time.monotonic() + self.seconds, bytearray()
        for part in answer.iter_content(65536):
            body += part
            if len(body) > MAX_BYTES:
                raise FeedError(f"{self.office} sends more than {MAX_BYTES >> 20} MB; that is not the answer to our question.")
            if time.monotonic() > end:
                raise _PassingError(f"the answer took more than {self.seconds:g} seconds")
        return bytes(body)

    def _refuse_status(self, answer: requests.Response, body: bytes) -> None:
        if answer.status_code == 200:
            return
        said = shorten(body.decode("utf-8", "replace").strip(), 160)
        words = f"status {answer.status_code}" + (f", {said}" if said else "")
        if answer.status_code not in PASSING:
            raise FeedError(f"{self.office} refuses the question: {words} ({_host(answer.url)}). The data are as they were.")
        wait = _retry_after(answer.headers.get("Retry-After"))
        if wait is not None and wait > PATIENCE:
            raise FeedError(f"{self.office} asks us to come back in {wait / 60:.0f} minutes ({words}). What was fetched is kept.")
        raise _PassingError(words, wait)

    # memory

    def _stored(self, question: str) -> tuple[bytes, datetime.datetime] | None:
        """A whole answer of the last day."""
        for file in sorted(self.cache.glob(f"*-{_name(question)}.json"), reverse=True):
            with contextlib.suppress(OSError, ValueError, KeyError):
                record, body = json.loads(file.read_text(encoding="utf-8")), file.with_suffix(".body").read_bytes()
                fetched = datetime.datetime.fromisoformat(record["fetched"])
                young = datetime.datetime.now(datetime.UTC) - fetched < FRESH
                if young and record["question"] == question and hashlib.sha256(body).hexdigest() == record["sha256"]:
                    return body, fetched
        return None

    def _store(self, question: str, body: bytes, fetched: datetime.datetime, refused: bool = False) -> Path:
        folder = self.cache / "refused" if refused else self.cache
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / f"{fetched:%Y%m%dT%H%M%S}-{_name(question)}"
        record = {"question": question, "fetched": fetched.isoformat(timespec="seconds"), "sha256": hashlib.sha256(body).hexdigest()}
        journal.put(stem.with_suffix(".body"), body)
        journal.put(stem.with_suffix(".json"), json.dumps(record, indent=1).encode())
        return stem.with_suffix(".body")


def _understood(understand: Callable, answer):
    """What ``understand`` makes of an answer; what it stumbles over is a form that no documentation names."""
    try:
        return understand(answer)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FeedError(f"the answer has another form than documented ({type(error).__name__}: {shorten(str(error))}).") from error


def _seconds(setting: str, default: str, least: float) -> float:
    """A time that a person sets in the environment."""
    text = os.environ.get(setting, default)
    with contextlib.suppress(ValueError):
        if least <= float(text) < math.inf:
            return float(text)
    raise AllianceError(f"{setting}={shorten(text)}: this is no number of seconds. Write one such as {default}, or leave the setting out.", BAD_INPUT)


def _name(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:16]


def _host(question: str) -> str:
    return question.split("?")[0]


def _retry_after(header: str | None) -> float | None:
    """Seconds, whether the office gives a number of them or a date."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    with contextlib.suppress(ValueError, TypeError):
        until = email.utils.parsedate_to_datetime(header)
        return max(0.0, (until - datetime.datetime.now(datetime.UTC)).total_seconds())
    return None


def _in_words(error: requests.RequestException, seconds: float) -> str:
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"no answer within {seconds:g} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    return "no connection"
