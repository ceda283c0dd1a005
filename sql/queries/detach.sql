-- Let go of a generation that nobody reads any more.
DETACH {{alias}}
