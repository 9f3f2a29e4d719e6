"""What training runs record, and what is read from it."""
