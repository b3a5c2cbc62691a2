"""The code behind "Exploring the Russia-China Alliance in 2024", and the way to its data from a notebook of your own.

``alliance.load("trade_annual")`` gives a table, ``alliance.facts()`` and ``alliance.claims()`` what the last build published.

Data flow through the modules in this order, each importing only modules above it: problems, hints, reader, writer, journal,
quantity, formulas, data, words, verdicts, describe, rules, check, report, figures, tables, chapter, editions, press, feeds, cli.
"""

from __future__ import annotations


def load(name: str, data_dir: str | None = None, recalled: bool = False):
    """Load a table of the book as a DataFrame; see ``alliance.data.load``.

    Examples
    --------
    >>> import alliance
    >>> alliance.load("trade_annual").set_index("year")["total_usd_bn"].loc[2024]
    """
    from alliance.data import load as load_table

    return load_table(name, data_dir, recalled)


def facts(edition: str | None = None):
    """Every number that an edition prints.

    Parameters
    ----------
    edition : output folder or ``facts.json``; the last build if None

    Returns
    -------
    pandas.DataFrame
        One row a fact, by ``id``: label, value, unit, text, formula, evidence, inputs (a list of cells).

    Raises
    ------
    AllianceError
        If there is no such edition.
    """
    import pandas as pd

    return pd.DataFrame(_edition(edition).facts.values()).set_index("id")


def claims(edition: str | None = None):
    """Every claim of the account with its verdict.

    Parameters
    ----------
    edition : output folder or ``facts.json`` with ``claims.json`` beside it; the last build if None

    Returns
    -------
    pandas.DataFrame
        One row a claim, by ``id``: quote, verdict, confidence, why, sources and the rest of ``claims.json``.

    Raises
    ------
    AllianceError
        If there is no such edition.
    """
    import pandas as pd

    return pd.DataFrame(_edition(edition).claims.values()).set_index("id")


def _edition(place: str | None):
    from pathlib import Path

    from alliance.data import ROOT
    from alliance.editions import read_edition

    return read_edition(Path(place) if place else ROOT / "_build")
