"""What the papers claim and how it is tested, a file for each family; found by name."""
