"""Call vendors over the network: retry, rate limit, settings of a source."""
