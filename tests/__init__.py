"""The tests, laid out as the source is. Makers of edits, plans and media that several folders need stand in this package."""
