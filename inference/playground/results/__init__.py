"""A job's page and what goes on from it: other labels, another model beside it, files, a link."""
