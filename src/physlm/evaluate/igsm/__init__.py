"""Problems of Part 2 as a reader sees them: an independent solver and a strict grader."""
