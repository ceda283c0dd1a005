"""A group of commands whose error about an unknown one names the nearest."""

from __future__ import annotations

import click

from mtstore.arguments import did_you_mean


class Group(click.Group):
    """A group of commands that suggests a name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first word; another word is a usage error."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}{did_you_mean(args[0], names)}")
        return super().resolve_command(ctx, args)
