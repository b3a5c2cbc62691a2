"""The offices' own clients read the local servers too: so these speak the form that the documentation describes.

The product does not use the clients (CONTRIBUTING.md, "Libraries", says why); here they are witnesses.
"""

from __future__ import annotations

import comtradeapicall
import pytest
import urllib3
import wbgapi
from alliance.data import DATA
from offices import Comtrade, WorldBank


def test_wbgapi_reads_what_our_bank_answers(monkeypatch):
    bank = WorldBank(DATA)
    monkeypatch.setattr(wbgapi, "endpoint", bank.url)
    question = "country/CHN;RUS/indicator/NY.GDP.MKTP.CD"
    read = {(r["countryiso3code"], int(r["date"])): r["value"] for r in wbgapi.fetch(question, {"date": "1992:2023", "per_page": 25})}
    assert read == {(c, y): bank.values.get(("NY.GDP.MKTP.CD", c, y)) for c in ("CHN", "RUS") for y in range(1992, 2024)}
    assert [query["page"] for _, query, _ in bank.asked] == ["1", "2", "3"]
    with pytest.raises(wbgapi.APIError, match="Invalid value"):
        list(wbgapi.fetch("country/CHN/indicator/NO.SUCH"))
    bank.close()


@pytest.mark.parametrize("key", [None, "secret-key"])
def test_comtradeapicall_reads_what_our_comtrade_answers(monkeypatch, key):
    office = Comtrade(DATA, range(2024, 2025))

    class Pool(urllib3.PoolManager):
        def request(self, method, url, **options):
            return super().request(method, url.replace("https://comtradeapi.un.org", office.url), **options)

    monkeypatch.setattr(comtradeapicall.PreviewGet.urllib3, "PoolManager", Pool)
    criteria = {"typeCode": "C", "freqCode": "A", "clCode": "HS", "period": "2024", "reporterCode": "156", "cmdCode": "AG2", "flowCode": "M,X"}
    criteria |= {"partnerCode": "643", "partner2Code": "0", "customsCode": "C00", "motCode": "0", "maxRecords": 500, "includeDesc": False}
    frame = comtradeapicall.getFinalData(key, **criteria) if key else comtradeapicall.previewFinalData(**criteria)
    read = {(r.flowCode, r.cmdCode): r.primaryValue for r in frame.itertuples()}
    assert read == {(f, c): v for (_, f, c), v in office.values.items() if c != "TOTAL"}
    path, asked, _ = office.asked[0]
    assert path == ("/data/v1/get/C/A/HS" if key else "/public/v1/preview/C/A/HS")
    assert {k.lower() for k in asked} >= {"reportercode", "partnercode", "partner2code", "period", "cmdcode", "flowcode", "customscode", "motcode"}
    office.close()
