"""Outgoing mail: kept in the database first, sent by a worker after."""
