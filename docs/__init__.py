"""The book: Sphinx's configuration, and the pages and pictures that are made at each build."""
