"""The account desk: suspend and reinstate somebody, revoke their keys, hand over their data."""
