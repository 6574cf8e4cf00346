"""iGSM: grade-school mathematics drawn at random, with its one shortest solution (Part 2.1)."""
