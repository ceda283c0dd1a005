"""What a configuration writes into a store: defaults, ticker metadata, pins."""
