"""The canonical model: taking in the published file, loading it whole and in part, each export, the draft's hit rate.

    python benchmarks/model.py [FILE]

FILE is dist/model.jsonld of the Cloud Information Model 1.0.0 (../shared/data/cim/model.jsonld by default). Times are the
median of five, in this process; the first line of each group includes what is cached afterwards.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from steelthread.model import FORMATS, change_enabled, export_model, import_published, load_imported, load_model, search


def median(work: Callable[[], object], times: int = 5) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def told(what: str, seconds: float, more: str = "") -> None:
    print(f"{what:<48}{seconds * 1000:>10.1f} ms  {more}")


def main() -> None:
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/cim/model.jsonld")
    if not file.exists():
        sys.exit(f"{file} is not here: name dist/model.jsonld of the Cloud Information Model 1.0.0.")
    folder = Path(tempfile.mkdtemp()) / "model"
    began = time.perf_counter()
    built_in = load_model()
    told("load the built-in model, first time", time.perf_counter() - began, f"{len(built_in.entities)} entities")
    told("import-cim with repairs, written", median(lambda: import_published(folder, file)))
    imported = load_imported(folder)
    told("load the whole import", median(lambda: load_imported(folder)), f"{len(imported.entities)} entities")
    told("load a project, nothing enabled", median(lambda: load_model(folder)))
    fresh = [name for name in imported.entities if name not in built_in.entities]
    change_enabled(folder, fresh[:20], enable=True)
    told("load a project, 20 enabled", median(lambda: load_model(folder)))
    change_enabled(folder, ["all"], enable=True)
    told(
        "load a project, all enabled",
        median(lambda: load_model(folder)),
        f"{len(load_model(folder).entities)} entities",
    )
    for form in FORMATS:
        text = export_model(imported, form)
        told(
            f"export the import as {form}",
            median(partial(export_model, imported, form), 3),
            f"{len(text) / 1e6:.2f} MB",
        )
    told("search the import", median(lambda: search(imported, "loyalty points")))
    start = [
        sys.executable,
        "-m",
        "steelthread",
        "model",
        "show",
        "Individual",
        "--json",
        "--project",
        str(folder.parent),
    ]
    change_enabled(folder, ["all"], enable=False)
    without = median(lambda: subprocess.run(start, check=True, stdout=subprocess.DEVNULL))
    change_enabled(folder, fresh[:20], enable=True)
    told("start the command line, nothing enabled", without)
    told(
        "start the command line, 20 enabled",
        median(lambda: subprocess.run(start, check=True, stdout=subprocess.DEVNULL)),
    )


if __name__ == "__main__":
    main()
