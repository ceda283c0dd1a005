"""Databento: its historical service and its DBN files."""
