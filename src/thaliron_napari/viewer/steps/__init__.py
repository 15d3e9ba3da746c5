"""The steps of a reading, each a panel of its own."""
