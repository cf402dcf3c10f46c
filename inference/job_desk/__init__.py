"""The job desk: support finds a job by whatever its owner has of it, and reads what happened."""
