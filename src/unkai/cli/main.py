"""The `unkai` command. Verbs are loaded when they are called: `unkai status` need not know how to serve."""

import importlib

import click

import unkai

# verb: module and attribute; one line of help each, so that `unkai --help` imports none of them.
_VERBS = {
    "up": ("unkai.cli.up:up", "Start the cloud on this machine, or make sure it runs."),
    "down": ("unkai.cli.down:down", "Stop the cloud; what it holds stays for the next `up`."),
    "status": ("unkai.cli.status:status", "Say whether every part answers; exit status 0 only then."),
    "doctor": ("unkai.cli.doctor:doctor", "Say what this machine lacks, and how to get it."),
    "serve": ("unkai.cli.serve:serve", "Run a control-plane process."),
    "node": ("unkai.cli.node:node", "Run the agent of this hypervisor host."),
    "db": ("unkai.cli.db:db", "Look after the database."),
    "explain": ("unkai.cli.explain:explain", "Say why a server is where it is, or nowhere."),
    "supervise": ("unkai.cli.supervise:supervise", "Keep the parts of an embedded cloud running (started by `up`)."),
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        module, _, attribute = _VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(unkai.__version__)
def main() -> None:
    """Unkai: a whole private cloud behind OpenStack's own APIs."""


if __name__ == "__main__":
    main()
