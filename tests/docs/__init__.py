"""The docs are tested: what they name exists, what exists is named, and the commands they show
print what they show.
"""
