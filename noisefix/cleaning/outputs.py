"""What ``apply`` writes to: checked before the work, and never over what a person filled in."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cleaning.handover.workbook import WIDTHS
from noisefix.cleaning.handover.write import BOM, KINDS
from noisefix.cleaning.review import has_decisions, review_csv_bytes
from noisefix.cleaning.review_files import is_filled
from noisefix.cleaning.targets import is_elsewhere, place_of, replaced
from noisefix.errors import DataError, UsageError
from noisefix.tables.remote import check_writable, is_remote
from noisefix.tables.several import digest_of
from noisefix.tables.sql import check_new_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from noisefix.cleaning.options import ApplyOptions
    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source


def check_outputs(
    folder: RunFolder, output: str | Path | None, options: ApplyOptions, handed: str | None
) -> None:
    """Check that the files that the options name may be written.

    Args:
        folder: the run folder.
        output: the file of ``-o``, if any.
        options: what was chosen.
        handed: format of rows to hand over; None: the input is written again.

    Raises:
        DataError: a file cannot be written, or holds a person's decisions.
        UsageError: a file is an input, promises another format, or is named twice.
    """
    from noisefix.run.outputs import check_output

    review_csv = options.review_csv
    inputs = (folder.path, *folder.known_inputs(), options.review, options.decisions)
    if output is not None and is_elsewhere(output):
        _check_elsewhere(folder, output, options, handed)
    elif output is not None and handed is None and folder.read()["input"].get("parts"):
        _check_folder(folder, output, inputs, options)
    elif output is not None:
        check_output(output, inputs, takes_stdout=True)
        _check_name(folder, output, options, handed)
    if review_csv is not None:
        check_output(review_csv, inputs, option="--review-csv", kinds=("csv",), takes_streams=True)
        if output is not None and Path(output).resolve() == Path(review_csv).resolve():
            raise UsageError(
                f"{output}: is named for the output and for the review", "name two files"
            )


def _check_elsewhere(
    folder: RunFolder, output: str | Path, options: ApplyOptions, handed: str | None
) -> None:
    """Check an address or a table that is written to: it is not the input, nor there already."""
    about = folder.read()["input"]
    if place_of(output) == about.get("address"):
        raise UsageError(
            f"-o {place_of(output)}: is the input itself, which is never overwritten",
            "name another place with -o",
        )
    if is_remote(output):
        check_writable(output)
    elif handed is not None or options.bom:
        raise UsageError(
            f"-o {place_of(output)}: --format, --only-flagged and --bom are for files",
            "name one with -o",
        )
    else:
        check_new_table(output)


def _check_folder(
    folder: RunFolder,
    output: str | Path,
    inputs: Iterable[str | Path | None],
    options: ApplyOptions,
) -> None:
    """Check a folder that several files are written to."""
    from noisefix.cleaning.ledger import read_ledger
    from noisefix.run.outputs import check_data_folder

    if options.bom:
        raise UsageError(
            "--bom: marks one file, and the input is several", "leave it out, or add --format csv"
        )
    is_known = False
    if Path(output).is_dir() and any(Path(output).iterdir()):
        with suppress(DataError):
            digest = digest_of(output)
            known = read_ledger(folder.ledger).last_write(place_of(output), digest)
            is_known = known is not None and known.sha256 == digest
    check_data_folder(output, inputs, is_known=is_known)


def _check_name(
    folder: RunFolder, output: str | Path, options: ApplyOptions, handed: str | None
) -> None:
    """Check that the output's name fits its format, and that no filled-in workbook is lost."""
    from noisefix.run.endings import check_ending
    from noisefix.tables.compression import packing_named

    about = folder.read()["input"]
    delimiter = (about["dialect"] or {}).get("delimiter", ",")
    if handed is None or handed == about["format"]:
        check_ending(
            output, (about["format"],), like=about["name"], delimiter=delimiter, takes_zip=True
        )
    else:
        check_ending(output, (KINDS[handed],))
    if options.bom and packing_named(str(output)):
        raise UsageError(
            f"--bom: marks a file that a spreadsheet program opens, but {output} is packed",
            "leave out --bom, or name a file that is not packed",
        )
    target = Path(output)
    is_there = handed == "xlsx" and target.is_file() and target.stat().st_size
    if is_there and is_filled(tuple(WIDTHS), target):
        raise DataError(
            f"{output}: is there already, and may hold decisions",
            "apply them with --review, or name another file with -o",
        )


def check_new_columns(source: Source, added: Iterable[str]) -> None:
    """Check that no column is added under a name that is taken.

    Raises:
        UsageError: one is.
    """
    taken = [name for name in added if name in source.columns]
    if taken:
        raise UsageError(
            f"{source.name}: column {taken[0]!r} is there already",
            "choose other names with --column-prefix",
        )


def write_review(target: Path, issues: pa.Table, rows: np.ndarray) -> None:
    """Write the rows for a person, but never over what a person has decided."""
    from noisefix.tables.atomic import write_bytes

    if target.is_file() and target.stat().st_size and has_decisions(target):
        raise DataError(
            f"{target}: is there already, and may hold decisions",
            "apply them with --review, or name another file with --review-csv",
        )
    write_bytes(target, review_csv_bytes(issues, rows))


def write_handed(target: str | Path, content: bytes, *, bom: bool) -> None:
    """Write rows for people or another tool, packed if the name says so.

    Args:
        target: the file.
        content: the rows.
        bom: begin with a byte order mark.
    """
    from noisefix.tables.compression import packing_named

    packing = packing_named(str(target))
    content = BOM + content if bom else content
    with replaced(target, content if packing is None else packing.pack(content)):
        pass


def marked(content: bytes, source: Source) -> bytes:
    """Return CSV as UTF-8 with a byte order mark, by which Excel knows it.

    Args:
        content: the file, in the encoding of the input.
        source: the input.
    """
    from noisefix.tables.encoding import TextEncoding

    dialect = source.dialect
    if dialect is None:
        return content
    bare = content.removeprefix(TextEncoding(dialect.encoding, dialect.bom).mark)
    return BOM + (bare if dialect.encoding == "utf-8" else bare.decode(dialect.encoding).encode())
