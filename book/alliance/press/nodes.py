"""What pages hold beside ordinary text (numbers, their provenance, figures, tables, names), and how it is written."""

from __future__ import annotations

import re

from docutils import nodes

from alliance.press.book import Book
from alliance.press.names import TIERS, anchor, row_anchor

BADGE = ' <span class="badge">your data</span>'
NOTE_INPUTS = 8  # rows shown in a pop-over before "and n more"
PHONE_CHARACTERS = 46  # what fits beside one another on 360 px
BREADTH_OF_WORDS = 15  # characters that the style sheet keeps for a column of words on a phone
CELL_PADDING = 2  # characters
STACKED_ROWS = 30  # a longer table stays one that scrolls


class fact_reference(nodes.Inline, nodes.TextElement):
    """A printed number that opens its provenance."""


class fact_notes(nodes.General, nodes.Element):
    """The provenance of all facts of a page."""


class of_another_year(nodes.General, nodes.Element):
    """A paragraph that was written for the edition's own year, in a build of another."""


class report_figure(nodes.General, nodes.Element):
    """A figure: title, unit, image with alt text, note and source line."""


class report_table(nodes.General, nodes.Element):
    """A table: title, unit, header, rows, note and source line."""


def visit_fact(translator, node):
    name = anchor(node["fact"])
    page = "" if node["home"] == translator.builder.current_docname else f"{node['home']}.html"
    translator.body.append(f'<a class="fact" href="{page}#fact-{name}" data-note="note-{name}">')


def depart_fact(translator, node):
    translator.body.append(f"</a>{BADGE if node['supplied'] else ''}")


def visit_notes(translator, node):
    book = translator.builder.app.alliance
    if translator.builder.name != "paper":
        translator.body.append('<div class="notes">')
        translator.body += [render_note(book, book.facts[name]) for name in node["facts"]]
        translator.body.append("</div>")
    raise nodes.SkipNode


def render_note(book: Book, fact: dict) -> str:
    inputs = [
        {
            "anchor": row_anchor(i["table"], i["key"]),
            "place": f"{i['table']}, {', '.join(i['key'].values())}: {i['column']}",
            "value": f"{i['value']:.10g}" if isinstance(i["value"], float) else i["value"],
            "publisher": book.publisher(i["source"]) if i["source"] else "",
            "published": book.sources[i["source"]]["published"] if i["source"] else "",
            "locator": i["locator"],
            "supplied": i["evidence"] == "supplied",
        }
        for i in fact["inputs"][:NOTE_INPUTS]
    ]
    home = f"{fact['id'].split('.')[0]}.html"
    definitions = dict.fromkeys(f"{name.split('.')[1]} = {formula}" for name, formula in fact["definitions"].items())
    return book.render(
        "note",
        fact=fact,
        definitions=list(definitions),
        anchor=anchor(fact["id"]),
        inputs=inputs,
        more=max(0, len(fact["inputs"]) - NOTE_INPUTS),
        home_page=home,
    )


def visit_of_another_year(translator, node):
    edition = translator.builder.app.alliance.edition
    words = f"Written for {edition['written_for']}, not for {edition['focus_year']}"
    if translator.builder.name == "paper":
        translator.body.append(f'<div class="other-year"><p class="other-year-mark">{words}</p>')
    else:
        translator.body.append(f'<details class="other-year"><summary>{words}</summary>')


def depart_of_another_year(translator, node):
    translator.body.append("</div>" if translator.builder.name == "paper" else "</details>")


def _number(translator, node) -> str:
    """ "Figure 3", from the numbers that Sphinx gave out; the same in every builder."""
    figtype = "figure" if isinstance(node, report_figure) else "table"
    number = translator.builder.env.toc_fignumbers[node["page"]][figtype][node["ids"][0]]
    label = translator.config.numfig_format[figtype] % ".".join(map(str, number))
    return f'<span class="caption-number">{label}</span>'


def visit_figure(translator, node):
    book, record = translator.builder.app.alliance, node["record"]
    identifier = node["ids"][0]
    translator.body.append(f'<figure class="exhibit" id="{identifier}"><figcaption>{_number(translator, node)}')
    translator.body.append(book.render("figure", record=record) + "</figcaption>")


def depart_figure(translator, node):
    translator.body.append(_source_line(translator, node) + "</figure>")


def visit_table(translator, node):
    book, record = translator.builder.app.alliance, node["record"]
    escape = translator.encode
    head = "".join(f'<th scope="col"{_cell_class(n, text)}>{escape(text)}</th>' for text, n in zip(record["head"], record["numeric"], strict=True))
    long = " long" if len(record["rows"]) > 25 else ""
    name, stacked = node["ids"][0], ' class="stack"' if _wider_than_a_phone(record) else ""
    translator.body.append(f'<div class="exhibit{long}" id="{name}"><div class="exhibit-caption" id="{name}-caption">')
    translator.body.append(f"{_number(translator, node)}{book.render('figure', record=record)}</div>")
    labelled = f'aria-labelledby="{name}-caption"'
    translator.body.append(f'<div class="scroll" tabindex="0" role="group" {labelled}><table{stacked} {labelled}>')
    translator.body.append(f"<thead><tr>{head}</tr></thead><tbody>")
    for (first, *rest), supplied in zip(record["rows"], record["supplied_rows"], strict=True):
        columns = zip(rest, record["numeric"][1:], record["head"][1:], strict=True)
        cells = "".join(f'<td{_cell_class(n, text)} data-label="{escape(label)}">{escape(text)}</td>' for text, n, label in columns)
        translator.body.append(f'<tr><th scope="row"{_cell_class(False, first)}>{escape(first)}{BADGE if supplied else ""}</th>{cells}</tr>')
    translator.body.append(f"</tbody></table></div>{_source_line(translator, node)}</div>")
    raise nodes.SkipNode


def _wider_than_a_phone(record: dict) -> bool:
    """Whether the columns of a table, as narrow as their longest words allow, need more room than a phone has."""
    columns = zip(zip(record["head"], *record["rows"], strict=True), record["numeric"], strict=True)
    room = sum(_longest(cells, numeric) + CELL_PADDING for cells, numeric in columns)
    return room > PHONE_CHARACTERS and len(record["rows"]) <= STACKED_ROWS


def _longest(cells: tuple[str, ...], numeric: bool) -> int:
    """Characters that cannot be broken: a number, or a word; columns of words are kept at some breadth."""
    parts = [part for cell in cells for part in ([cell] if numeric else cell.split())]
    return max([len(part) for part in parts] + ([] if numeric else [BREADTH_OF_WORDS]))


def _cell_class(is_number: bool, text: str) -> str:
    if is_number:
        return ' class="number"'
    return ' class="date"' if re.fullmatch(r"\d{4}(-\d\d){1,2}", text) else ""


def _source_line(translator, node) -> str:
    book, record = translator.builder.app.alliance, node["record"]
    best_first = sorted(record["sources"], key=lambda s: TIERS.index(book.sources[s]["tier"]))
    publishers = list(dict.fromkeys(map(book.publisher, best_first)))
    shown = publishers if len(publishers) <= 4 else [*publishers[:3], f"{len(publishers) - 3} more, named in the data"]
    download = f"downloads/{node['chapter']}/{record['key']}.csv"
    return book.render("source-line", record=record, sources=shown, download=download)


class native_name(nodes.Inline, nodes.TextElement):
    """A name in its own script, marked with its language."""


def visit_native(translator, node):
    translator.body.append(f'<span lang="{node["lang"]}">')


def depart_native(translator, node):
    translator.body.append("</span>")


def add_nodes(app) -> None:
    """Make the nodes known to Sphinx; figures and tables are numbered."""
    app.add_node(fact_reference, html=(visit_fact, depart_fact))
    app.add_node(fact_notes, html=(visit_notes, None))
    app.add_node(of_another_year, html=(visit_of_another_year, depart_of_another_year))
    app.add_node(native_name, html=(visit_native, depart_native))
    app.add_enumerable_node(report_figure, "figure", lambda node: node["record"]["title"], html=(visit_figure, depart_figure))
    app.add_enumerable_node(report_table, "table", lambda node: node["record"]["title"], html=(visit_table, None))
