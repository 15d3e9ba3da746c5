"""The ``thaliron`` command."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from thaliron_napari.cli.parser import VERBS, build_parser
from thaliron_napari.cli.usage import UsageError
from thaliron_napari.errors import ThalIronError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process when absent.

    Returns
    -------
    int
        0, 1 for input that cannot be used, 2 for a command that is not written as it must be, 130 when interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        if not debug:
            _be_quiet()
        options = build_parser().parse_args(_with_verb(_with_negative_numbers(arguments)))
        code: int | None = options.run(options)
        sys.stdout.flush()
        return code or 0
    except UsageError as error:
        return _say(str(error), 2)
    except ThalIronError as error:
        if debug:
            raise
        return _say(f"thaliron: {error}", 1)
    except BrokenPipeError:  # the reader of a pipe, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"thaliron: {where}{error.strerror or error}; check the path and the free space", 1)
    except KeyboardInterrupt:
        return _say("thaliron: interrupted", 130)
    except Exception as error:
        if debug:
            raise
        what = str(error) or "no details"
        return _say(f"thaliron: a defect of the program ({type(error).__name__}: {what}); --debug shows where", 1)


def _with_verb(arguments: list[str]) -> list[str]:
    """The arguments with ``open`` before them where they name no verb."""
    rest = [a for a in arguments if a != "--debug"]
    first = rest[0] if rest else ""
    if first in VERBS or first in ("-h", "--help", "--version"):
        return rest
    if re.fullmatch(r"[a-z]+", first) and not Path(first).exists():
        raise UsageError(f"thaliron: {first!r} is neither a verb nor a file; verbs are {', '.join(VERBS)}")
    return ["open", *rest]


def _with_negative_numbers(arguments: list[str]) -> list[str]:
    """``--seed -12,3,4`` as ``--seed=-12,3,4``, which argparse would take for an option."""
    joined: list[str] = []
    for argument in arguments:
        if re.match(r"-[.\d]", argument) and joined and re.fullmatch(r"--[a-z0-9]+", joined[-1]):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _be_quiet() -> None:
    """Warnings of libraries are for developers; the one line on stderr is the command's own."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)


def _say(sentence: str, code: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return code
