"""The code behind "Exploring the Russia-China Alliance in 2024".

Data flow through the modules in this order, each importing only modules above it: problems, reader, journal,
quantity, formulas, data, facts, claims, describe, rules, check, figures, tables, chapter, editions, press, feeds, cli.
"""
