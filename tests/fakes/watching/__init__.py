"""The outer edges of watching: where spans and errors are sent."""
