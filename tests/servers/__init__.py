"""Local servers that answer the vendors' own clients as the vendors do, and fail on demand."""
