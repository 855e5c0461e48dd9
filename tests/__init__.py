"""The tests, laid out as the source is. What several folders need stands here: a clock, media, a
project, makers.
"""
