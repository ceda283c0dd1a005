"""How many examples a test of hypothesis takes: few in the default suite, many where `explore` looks for new ones."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def examples(repeat: int, explore: int) -> settings:
    """Settings for the profile in use; every health check is off, because stores are slow beside plain functions."""
    is_exploring = settings.get_current_profile_name() == "explore"
    return settings(max_examples=explore if is_exploring else repeat, suppress_health_check=list(HealthCheck))
