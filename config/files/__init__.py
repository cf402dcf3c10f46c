"""Where files are: the bucket for pictures, and static files as they are served."""
