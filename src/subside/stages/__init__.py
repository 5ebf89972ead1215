"""Stages: where files and science meet. A stage is data; the runner decides what must run and why."""
