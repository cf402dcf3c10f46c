"""Runs the image and text towers; the one place of the project that imports torch.

Light, safe for the web process: `spec`, `errors`, `preprocessing`, `zero_shot`, `weights`.
Heavy, for workers and commands: everything that `loading.load` reaches.
"""
