"""Label maps and CAMs out to other programs and in from them."""
