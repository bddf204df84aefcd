from steelthread.app import cluster_rows, load_file
from steelthread.demo import generate, score
from steelthread.thread import Space


def test_the_company_is_the_same_each_time(tmp_path):
    for name in "ab":
        generate(tmp_path / name, customers=50)
    for path in (tmp_path / "a").rglob("*.csv"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_the_demo_is_resolved_well(space):
    company = generate(space.project.folder, customers=1000)
    demo = Space(space.project, space.database)  # with the rules that the company brings
    for name, path in company.loads:
        load_file(demo, name, path)
    with space.database.connect() as conn:
        told = score(cluster_rows(demo, conn), company.truth)
    assert told.precision >= 0.995
    assert told.recall >= 0.98
    assert told.family_merges == 0, "nobody is joined through a family's key when the names differ"
