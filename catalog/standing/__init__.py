"""What holds of a model just now: whether it answers, how it ranks, what follows."""
