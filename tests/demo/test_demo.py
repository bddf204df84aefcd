from steelthread.app import cluster_rows, load_file
from steelthread.demo import generate, score


def test_the_company_is_the_same_each_time(tmp_path):
    for name in "ab":
        generate(tmp_path / name, customers=50)
    for path in (tmp_path / "a").rglob("*.csv"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_the_demo_is_resolved_well(space):
    company = generate(space.project.folder, customers=300)
    for name, path in company.loads:
        load_file(space, name, path)
    with space.database.connect() as conn:
        told = score(cluster_rows(space, conn), company.truth)
    assert told.precision >= 0.995
    assert told.recall >= 0.98
