"""Measurements that people run by hand, by `make`: they print, and judge nothing."""
