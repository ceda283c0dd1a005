"""Make a change durable and visible: stage, log, replay, publish, expire; what a commit records."""
