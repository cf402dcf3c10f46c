"""Towers run by onnxruntime on a CPU, without torch or transformers in the process (ADR 39).

`preparing` finds or makes an export, in a child process that ends; `encoder` serves it.
"""
