"""What is measured of models that were trained on grammars (Part 1)."""
