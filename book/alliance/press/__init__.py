"""From checked data to a published edition: project, execute, compile, publish; pages and paper are Sphinx parts."""
