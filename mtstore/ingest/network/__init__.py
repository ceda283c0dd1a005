"""From vendors: plan, check the cost, fetch, commit."""
