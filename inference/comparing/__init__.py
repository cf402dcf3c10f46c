"""Several models on a visitor's own photos: `/try/compare/`.

columns      a model and its prompts: what one column of the table is
admission    what is priced, counted or found affordable before the first photo is taken
starting     the comparison's row, and room for more photos
photos       a photo becomes a row, and a job for each column
results      jobs read back as a table: disagreements first, accuracy, exports
deletion     canceling, deleting, and what goes by itself
"""
