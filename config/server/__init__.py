"""The web server: uvicorn with a protocol that bounds what one connection may cost (ADR 26).

python -m config.server --port 8000
"""
