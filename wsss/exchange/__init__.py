"""Export label maps to other programs; import label maps and CAMs from them."""
