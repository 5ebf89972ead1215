"""Science: model in, model out. Opens no file."""
