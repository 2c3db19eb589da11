"""Predictions as a file: Parquet, CSV or JSON Lines, written block by block."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from noisefix.run.provenance import Provenance

FORMATS = (".parquet", ".csv", ".jsonl")


class PredictionWriter:
    """Writes id, label, confidence and, if wanted, one probability for each class.

    In CSV, ids and labels that a spreadsheet program would take for a formula get an apostrophe in
    front; the other formats hold them as they are.

    The file takes its place when its context ends well; else nothing is left.
    """

    def __init__(self, output: Path, class_names: tuple[str, ...], *, with_probs: bool) -> None:
        """Set up.

        Raises:
            UsageError: the output's ending is none of .parquet, .csv, .jsonl.
        """
        from noisefix.tables.streams import is_stream

        ending = output.suffix.lower()
        if is_stream(output) and ending not in FORMATS:
            ending = ".csv"
        if ending not in FORMATS:
            raise UsageError(
                f"-o {output.name}: the ending says nothing", f"end it in {', '.join(FORMATS)}"
            )
        self._format = ending
        self._output = output
        self._names = class_names
        self._with_probs = with_probs
        self._sink: Any = None

    @contextmanager
    def opened(self, provenance: Provenance) -> Iterator[None]:
        """Open the temporary file; put it in its place at the end, or remove it after an error.

        Raises:
            DataError: it cannot be written.
        """
        from noisefix.run.provenance import METADATA_KEY
        from noisefix.tables.atomic import atomic_path

        with atomic_path(self._output) as path:
            if self._format == ".jsonl":
                with path.open("w", encoding="utf-8") as self._sink:
                    yield
            elif self._format == ".csv":
                import pyarrow.csv as pc

                with pc.CSVWriter(str(path), self._schema()) as self._sink:
                    yield
            else:
                import pyarrow.parquet as pq

                schema = self._schema().with_metadata({METADATA_KEY: provenance.to_json()})
                with pq.ParquetWriter(path, schema, compression="zstd") as self._sink:
                    yield

    def write(self, ids: list[str], probs: np.ndarray) -> None:
        """Append rows.

        Args:
            ids: (B,) ids.
            probs: (B, K), in the order of the class names.
        """
        import numpy as np

        best = probs.argmax(axis=1)
        columns: dict[str, Any] = {
            "id": ids,
            "label": [self._names[k] for k in best.tolist()],
            "confidence": probs[np.arange(len(probs)), best].astype(np.float64).round(6),
        }
        if self._with_probs:
            columns |= {
                f"p: {name}": probs[:, k].astype(np.float64).round(6)
                for k, name in enumerate(self._names)
            }
        if self._format == ".jsonl":
            plain = {
                name: values if isinstance(values, list) else values.tolist()
                for name, values in columns.items()
            }
            for row in zip(*plain.values(), strict=True):
                line = json.dumps(dict(zip(plain, row, strict=True)), ensure_ascii=False)
                self._sink.write(line + "\n")
            return
        import pyarrow as pa

        from noisefix.tables.formulas import defused

        if self._format == ".csv":
            for name in ("id", "label"):
                columns[name] = [defused(cell) for cell in columns[name]]
        self._sink.write_table(pa.table(columns, schema=self._schema()))

    def _schema(self) -> Any:
        import pyarrow as pa

        numbers = ["confidence"]
        if self._with_probs:
            numbers += [f"p: {name}" for name in self._names]
        fields = [pa.field("id", pa.string()), pa.field("label", pa.string())]
        return pa.schema(fields + [pa.field(name, pa.float64()) for name in numbers])
