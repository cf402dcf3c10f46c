"""Jobs read back: cells, the table of them, what it says of each column, and its exports."""
