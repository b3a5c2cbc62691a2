"""The code behind "Exploring the Russia-China Alliance in 2024".

Data flow through the modules in this order, each importing only modules above it: problems, hints, reader,
writer, quantity, formulas, data, facts, claims, rules, check, report, figures, tables, chapter, editions, press, cli.
"""
