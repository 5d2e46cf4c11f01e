"""The errors personare raises on purpose; every message says what was expected and what to do."""


class PersonareError(Exception):
    """Base of every error a user may meet; the command line prints it as one line."""


class InputError(PersonareError, ValueError):
    """A value, file or option is not what was asked for.

    Args:
        argument: name of the argument or path of the file that is wrong.
        expected: what it should have been.
        got: what it was.
        remedy: what the user can do, as an instruction.
    """

    def __init__(self, argument, *, expected, got, remedy):
        self.argument, self.expected, self.got, self.remedy = str(argument), expected, got, remedy
        super().__init__(f"{argument}: expected {expected}, got {got}; {remedy}")


class AssetError(PersonareError):
    """A face, model or other asset file is missing, damaged, or of a version this release cannot read."""


class OutputError(PersonareError, OSError):
    """A result could not be written; whatever stood at that path before is still there, unchanged."""


class MissingExtra(PersonareError, ImportError):
    """A feature needs an optional install.

    Args:
        feature: what the user asked for.
        package: the package that is not installed.
        extra: the extra of personare that brings it.
    """

    def __init__(self, feature, *, package, extra):
        self.extra = extra
        super().__init__(f"{feature} needs {package}; install it with: pip install 'personare[{extra}]'")
