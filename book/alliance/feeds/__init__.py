"""Newer rows from offices with an open interface; one module an office. No build needs any of it.

Each module imports only those above it: fetch (asks and remembers), changes (compares values), edit (of a CSV file, by
rows), worldbank, comtrade (their addresses and answers), update (puts them together), todo (what people have to look up).
"""
