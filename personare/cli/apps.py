"""The app that every command joins."""

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]},
                  help="Speech in, a moving face out.\n\nExample: `personare animate hello.wav`")

faces = typer.Typer(no_args_is_help=True)
app.add_typer(faces, name="face", help="Look at faces, and make shapes for them.")

clips = typer.Typer(no_args_is_help=True)
app.add_typer(clips, name="data", help="Clips to learn from: import, check, cut, count.")

portraits = typer.Typer(no_args_is_help=True)
app.add_typer(portraits, name="portrait", help="Portraits of real people: learn one from footage.")


class StoppedError(BaseException):
    """Ctrl-C or a request to end; not a KeyboardInterrupt, which typer answers itself and without a word."""
