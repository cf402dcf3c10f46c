"""What a site tells people of itself: privacy, terms, and how to reach its operator."""
