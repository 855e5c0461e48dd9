"""Providers of pull requests, against small strict servers."""
