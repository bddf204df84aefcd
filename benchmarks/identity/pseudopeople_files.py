"""Write pseudopeople's census, W-2 and social security data for a seed; run it where pseudopeople is installed.

`python benchmarks/identity/pseudopeople_files.py FOLDER SEED`. It brings a hundred megabytes of its own, so it is no
dependency of ours, not even for development.
"""

import sys
from pathlib import Path

import pseudopeople


def main(folder: Path, seed: int) -> None:
    for name, make in (
        ("census", pseudopeople.generate_decennial_census),
        ("w2", pseudopeople.generate_taxes_w2_and_1099),
        ("ssa", pseudopeople.generate_social_security),
    ):
        make(seed=seed).astype(str).to_parquet(folder / f"{name}_{seed}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
