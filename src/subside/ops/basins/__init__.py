"""Mining basins: fringes, where motion is too steep to be sampled, outlines, and what kind of basin each is."""
