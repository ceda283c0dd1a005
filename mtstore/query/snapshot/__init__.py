"""What a snapshot's metadata answers without reading a bar."""
