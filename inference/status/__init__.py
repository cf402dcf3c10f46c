"""How the site is and has been, for everybody: /status/, its JSON, and incidents as a feed."""
