"""What jobs will cost, reckoned from their settings alone; imports no torch but to measure."""
