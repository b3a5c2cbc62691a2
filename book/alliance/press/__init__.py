"""From checked data to a published edition.

Each module imports only those above it: names, book, nodes, roles, directives, transforms, pages, paper (so far the side
of Sphinx, which reads what is staged for it), project, publish, progress, execute, gather, mentions, exports, compile, build.
"""
