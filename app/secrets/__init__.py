"""Where secrets come from: references in settings and inventory, and the places they point to."""
