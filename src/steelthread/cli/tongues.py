"""`model translate`: records in the words of other systems and back."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from steelthread.cli.models import loaded, model
from steelthread.cli.shell import DEFAULT, Common, emit, note
from steelthread.kit import Invalid
from steelthread.model import translate, translate_back, translations, write_whole


@model.command(name="translate")
def model_translate(
    file: Path | None = None, /, *, to: str = "", source: Annotated[str, Parameter(name="--from")] = "",
    out: Path | None = None, common: Common = DEFAULT,
) -> None:  # fmt: skip
    """Translate records, one JSON object per line: ours have `entity` and attributes of the model.

    Parameters
    ----------
    file
        File of records; without it they come from stdin.
    to
        Vocabulary to write: adobe_xdm, customer_insights, salesforce_data_cloud, schema_org or segment.
    source
        Vocabulary to read, into ours.
    out
        File to write; without it the records go to stdout.
    """
    if bool(to) == bool(source):
        raise Invalid(f"Say either --to or --from, with one of {', '.join(translations())}.")
    records = _records(file)
    known = loaded(common)
    made = list(translate(records, to, known) if to else translate_back(records, source, known))
    lines = "".join(msgspec.json.encode(one).decode() + "\n" for one in made)
    if out is not None:
        write_whole(out, lines)
    if common.json:
        emit({"records": len(made)} if out else made)
    elif out is None:
        sys.stdout.write(lines)
    else:
        note(f"{len(made):,} records in {out}.")


def _records(file: Path | None) -> Iterator[dict[str, Any]]:
    try:
        text = file.read_text("utf-8") if file else sys.stdin.read()
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{file} is not readable as UTF-8 text.") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, msgspec.ValidationError):
                raise Invalid(
                    f"{file.name if file else 'stdin'}:{number}: not a JSON object. Write one per line."
                ) from None
