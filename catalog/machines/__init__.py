"""The catalog as machines read it: twins of its pages, feeds, linked data, share cards."""
