"""The HTTP API: /v1 and /hf-inference, an ASGI application of its own beside Django's pages.

Routes parse, call a verb and answer; every rule stays in the verbs (docs/adr/0009).
"""
