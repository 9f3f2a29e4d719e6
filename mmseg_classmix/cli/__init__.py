"""What the command lines of tools/ share."""
