"""Two tracks against each other: agreement in common cells, east and up, what two lines of sight cannot tell."""
