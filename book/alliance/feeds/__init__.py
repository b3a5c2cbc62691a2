"""Newer rows from offices with an open interface; one module an office.

``fetch`` asks and remembers, ``changes`` compares rows, an office's module knows its addresses and answers,
``update`` puts them together, ``todo`` lists what people have to look up. No build needs any of it.
"""
