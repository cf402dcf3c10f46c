"""Files and batches as OpenAI's API has them: their objects, their lines, and how they go on."""
