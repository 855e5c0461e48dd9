"""Clients that the server was not written for: the vendor's SDK, the vendor's own request bodies, a
fuzzer.
"""
