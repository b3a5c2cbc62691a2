"""Offices on a loopback port that answer in the form that each real one documents, and can be told to misbehave."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

Reply = tuple[int, dict, bytes]
LONG = {"CHN": "China", "RUS": "Russia", "USA": "United States", "IND": "India", "EUU": "European Union", "WLD": "World"}
SHORT = {"CHN": "CN", "RUS": "RU", "USA": "US", "IND": "IN", "EUU": "EU", "WLD": "1W"}


def rows(data: Path, name: str) -> list[dict[str, str]]:
    with open(next(data.rglob(f"{name}.csv")), encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


class Office:
    """A server; ``faults`` are replies (or functions of the path and query) used up before it answers as it should.

    ``spoil`` changes every good answer, decoded, before it is sent. ``asked`` holds path, query and headers.
    """

    def __init__(self):
        self.faults: list[Reply | Callable] = []
        self.spoil: Callable = lambda answer: answer
        self.asked: list[tuple[str, dict, dict]] = []
        office = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urlsplit(self.path)
                query = {k: v[0] for k, v in parse_qs(parts.query).items()}
                path = unquote(parts.path)
                office.asked.append((path, query, dict(self.headers)))
                fault = office.faults.pop(0) if office.faults else None
                reply = fault(path, query) if callable(fault) else fault
                status, headers, body = reply or office.good(path, query)
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that hung up is what some tests are about
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def good(self, path: str, query: dict) -> Reply:
        return 200, {}, json.dumps(self.spoil(self.answer(path, query))).encode()

    def answer(self, path: str, query: dict):
        raise NotImplementedError

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class WorldBank(Office):
    """Indicators API v2: a list of the page and its rows; at most ``page_size`` rows a page; messages with status 200."""

    def __init__(self, data: Path, page_size: int = 150):
        super().__init__()
        self.page_size, self.edition = page_size, "2026-07-01"
        self.values: dict[tuple[str, str, int], float] = {}
        names = {name: code for code, name in LONG.items()}
        for row in rows(data, "world_bank"):
            self._put(row["locator"], names[row["country"]], row, "value", {"USD bn": 9, "international USD bn": 9, "million people": 6})
        for row in rows(data, "macro_1990_1991"):
            self.values["NY.GDP.MKTP.CD", names[row["country"]], int(row["year"])] = round(float(row["gdp_usd_bn"]) * 1e9, 2)
            self.values["SP.POP.TOTL", names[row["country"]], int(row["year"])] = round(float(row["population_mn"]) * 1e6)
        for row in rows(data, "rd_spending"):
            if row["source_id"] == "wb-st-2021-mirror" and row["indicator"] == "research and development, share of GDP":
                self._put("GB.XPD.RSDV.GD.ZS", names[row["country"]], row, "value", {})
        for row in rows(data, "military_spending"):
            if row["country"] in names and int(row["year"]) < 2025:
                self.values["MS.MIL.XPND.CD", names[row["country"]], int(row["year"])] = float(row["spending_usd_bn"]) * 1e9
                self.values["MS.MIL.XPND.GD.ZS", names[row["country"]], int(row["year"])] = float(row["published_share_gdp_pct"])

    def _put(self, code: str, country: str, row: dict, column: str, powers: dict) -> None:
        self.values[code, country, int(row["year"])] = round(float(row[column]) * 10 ** powers.get(row["unit"], 0), 6)

    def answer(self, path: str, query: dict):
        parts = path.removeprefix("/en").strip("/").split("/")
        if len(parts) != 4 or not any(code == parts[3] for code, _, _ in self.values) or not set(parts[1].split(";")) <= set(LONG):
            return [{"message": [{"id": "120", "key": "Invalid value", "value": "The provided parameter value is not valid"}]}]
        countries, code = parts[1].split(";"), parts[3]
        first, last = (int(y) for y in query["date"].split(":"))
        found = [self._row(code, country, year) for country in countries for year in range(last, first - 1, -1)]
        size, page = min(int(query.get("per_page", 50)), self.page_size), int(query.get("page", 1))
        pages = -(-len(found) // size)
        head = {"page": page, "pages": pages, "per_page": size, "total": len(found), "sourceid": "2", "lastupdated": self.edition}
        return [head, found[(page - 1) * size : page * size]]

    def _row(self, code: str, country: str, year: int) -> dict:
        return {
            "indicator": {"id": code, "value": "its title"},
            "country": {"id": SHORT[country], "value": LONG[country]},
            "countryiso3code": "" if country == "EUU" else country,
            "date": str(year),
            "value": self.values.get((code, country, year)),
            "unit": "",
            "obs_status": "",
            "decimal": 0,
        }


class Comtrade(Office):
    """API v1: preview without a key, the full interface with one; an envelope with time, count, data and error."""

    def __init__(self, data: Path, years: range = range(2021, 2026), preview_limit: int = 500):
        super().__init__()
        self.key, self.preview_limit = "secret-key", preview_limit
        self.values: dict[tuple[int, str, str], float] = {}
        self.goods: dict[tuple[int, str, str], float] = {}
        annual = {int(r["year"]): r for r in rows(data, "trade_annual")}
        for year in years:
            for flow, column in (("M", "china_imports_usd_bn"), ("X", "china_exports_usd_bn")):
                total = float(annual[year][column] or 75) * 1e9 if year in annual else 100e9
                self.values |= {(year, flow, "TOTAL"): total, (year, flow, "27"): 0.75 * total, (year, flow, "84"): 0.25 * total}
        for row in rows(data, "trade_commodities"):
            if int(row["year"]) in years:
                flow = "M" if row["direction"] == "Russia to China" else "X"
                self.goods[int(row["year"]), flow, row["hs_code"]] = float(row["usd_bn"]) * 1e9

    def good(self, path: str, query: dict) -> Reply:
        headers = {k.lower(): v for k, v in self.asked[-1][2].items()}
        key = headers.get("ocp-apim-subscription-key") or query.get("subscription-key")
        if path.startswith("/data/") and key != self.key:
            said = "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
            return 401, {}, json.dumps({"statusCode": 401, "message": said}).encode()
        return super().good(path, query)

    def answer(self, path: str, query: dict):
        query = {k.lower(): v for k, v in query.items()}
        year, codes, flows = int(query["period"]), query["cmdcode"], query["flowcode"].split(",")
        known = self.values if codes in ("TOTAL", "AG2") else self.goods
        wanted = [
            (flow, code, value)
            for (y, flow, code), value in known.items()
            if y == year and flow in flows and (code != "TOTAL" if codes == "AG2" else code in codes.split(","))
        ]
        limit = self.preview_limit if path.startswith("/public/") else 100_000
        data = [self._record(year, *item) for item in wanted[:limit]]
        return {"elapsedTime": "0.05 secs", "count": len(data), "data": data, "error": ""}

    def _record(self, year: int, flow: str, code: str, value: float) -> dict:
        return {
            "typeCode": "C",
            "freqCode": "A",
            "refPeriodId": year * 10000 + 101,
            "refYear": year,
            "refMonth": 52,
            "period": str(year),
            "reporterCode": 156,
            "reporterISO": None,
            "reporterDesc": None,
            "flowCode": flow,
            "flowDesc": None,
            "partnerCode": 643,
            "partnerISO": None,
            "partnerDesc": None,
            "partner2Code": 0,
            "classificationCode": "H6",
            "classificationSearchCode": "HS",
            "isOriginalClassification": True,
            "cmdCode": code,
            "cmdDesc": None,
            "aggrLevel": 0 if code == "TOTAL" else len(code),
            "isLeaf": False,
            "customsCode": "C00",
            "mosCode": "0",
            "motCode": 0,
            "qtyUnitCode": -1,
            "qty": 0,
            "isQtyEstimated": False,
            "netWgt": None,
            "grossWgt": 0,
            "cifvalue": value if flow == "M" else None,
            "fobvalue": None if flow == "M" else value,
            "primaryValue": value,
            "legacyEstimationFlag": 0,
            "isReported": True,
            "isAggregate": True,
        }
