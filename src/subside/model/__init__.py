"""The few types that flow between stages. They validate themselves, open nothing and never change."""
