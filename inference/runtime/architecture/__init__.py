"""What a model is made of: its towers, their sizes, the activation they were trained with."""
