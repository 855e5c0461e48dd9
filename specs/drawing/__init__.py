"""What make_media.py draws: pen (how), things (what recurs), outdoors and indoors (clips), stills
(images).
"""
