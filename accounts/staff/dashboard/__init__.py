"""What the operator sees of demand: numbers, pictures, and signs of abuse."""
