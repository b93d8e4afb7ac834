import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cssim.config import load_settings
from cssim.errors import BadInput, BadLabels, Conflict, NotFound
from cssim.services import library
from cssim.services.library import Upload
from cssim.services.workspace import open_workspace
from cssim.types import Answer, ClusterKind, JudgementKind, PageMode
from db import annotations
from db import library as queries
from db.annotations import NewJudgement, NewPage


@pytest.fixture
def ws(settings):
    opened = open_workspace(settings)
    yield opened
    opened.close()


def picture(seed, format="PNG", size=(24, 16)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def listed(ws, **options):
    with ws.database.reading() as session:
        return queries.list_images(session, ws.project.id, **options)


def test_a_folder_goes_in_with_its_sub_folders_and_a_second_time_changes_nothing(ws, tmp_path):
    folder = tmp_path / "Meine Bilder"
    write(folder / "b" / "ein Bild.png", picture(1))
    write(folder / "a.jpg", picture(2, "JPEG"))
    write(folder / "海" / "u\u0308ber.png", picture(3))
    told = []
    first = library.add_images(ws, [folder], progress=lambda *step: told.append(step))
    assert str(first) == "added 3, already there 0"
    names = [image.name for image in listed(ws)]
    assert names == ["a.jpg", "b/ein Bild.png", "海/\u00fcber.png"]
    assert [step[:2] for step in told] == [(1, 3), (2, 3), (3, 3)]
    before = listed(ws)
    assert str(library.add_images(ws, [folder])) == "added 0, already there 3"
    assert listed(ws) == before


def test_bad_files_are_refused_by_name_and_the_rest_goes_in(ws, tmp_path):
    folder = tmp_path / "f"
    write(folder / "good.png", picture(1))
    write(folder / "cut.jpg", picture(2, "JPEG")[:-100])
    write(folder / "text.png", "I am no picture")
    write(folder / "empty.gif", b"")
    write(folder / "README.txt", "about these pictures")
    write(folder / ".hidden.png", "not looked at")
    write(folder / "noextension", picture(3))
    write(folder / "lies.jpg", picture(4))
    (folder / "nowhere.png").symlink_to(folder / "absent.png")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self.png").symlink_to(folder / "self.png")
    report = library.add_images(ws, [folder])
    assert report.added == 3
    assert {image.name for image in listed(ws)} == {"good.png", "lies.jpg", "noextension"}
    reasons = {problem.name: problem.reason for problem in report.refused}
    assert set(reasons) == {"cut.jpg", "text.png", "empty.gif", "nowhere.png", "self.png"}
    assert "cut off" in reasons["cut.jpg"]
    assert "not an image" in reasons["text.png"]
    assert "empty file" in reasons["empty.gif"]
    assert "cannot be read" in reasons["nowhere.png"]
    assert report.ignored == ("README.txt",)
    assert "lies.jpg: named .jpg, but it is a PNG file" in report.notes


def test_an_unreadable_folder_is_named_and_the_rest_goes_in(ws, tmp_path, monkeypatch):
    write(tmp_path / "f" / "good.png", picture(1))
    write(tmp_path / "f" / "locked" / "a.png", picture(2))
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "locked":  # as for a person who is not root
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = library.add_images(ws, [tmp_path / "f"])
    assert report.added == 1
    (problem,) = report.refused
    assert problem.name == "locked"
    assert "Permission denied" in problem.reason


def test_an_unreadable_file_is_named(ws, tmp_path, monkeypatch):
    write(tmp_path / "a.png", picture(1))

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (problem,) = library.add_images(ws, [tmp_path / "a.png"]).refused
    assert problem.reason == "cannot be read: Permission denied"


def test_too_many_pixels_are_refused(ws, tmp_path):
    small = replace(ws, store=type(ws.store)(ws.store.root, max_pixels=100))
    (problem,) = library.add_images(small, [Upload("a.png", picture(1))]).refused
    assert "more than the 100 allowed" in problem.reason


def test_uploads_and_single_files_go_in_and_cannot_lead_out(ws, tmp_path):
    write(tmp_path / "x.png", picture(1))
    uploads = [Upload("..\\..\\evil.png", picture(2)), Upload("/etc/a.png", picture(3))]
    report = library.add_images(ws, [tmp_path / "x.png", *uploads], tags=("mine",))
    assert report.added == 3
    assert [image.name for image in listed(ws)] == ["x.png", "evil.png", "etc/a.png"]
    assert report.tags == {"mine": 3}


def test_sub_folders_can_become_tags_and_names_can_have_a_prefix(ws, tmp_path):
    write(tmp_path / "f" / "sea" / "deep" / "1.png", picture(1))
    write(tmp_path / "f" / "2.png", picture(2))
    library.add_images(ws, [tmp_path / "f"], tag_folders=True, prefix="set one/")
    assert [(image.name, image.tags) for image in listed(ws)] == [
        ("set one/2.png", ()),
        ("set one/sea/deep/1.png", ("sea",)),
    ]


def test_a_manifest_names_the_files_and_their_tags(ws, tmp_path):
    write(tmp_path / "f" / "a.png", picture(1))
    write(tmp_path / "f" / "b.png", picture(2))
    write(tmp_path / "f" / "unlisted.png", picture(3))
    rows = ["id,file,context,tags,width", "0,a.png,sea,blue; calm,1", "1,b.png,,,", "2,c.png,,,"]
    write(tmp_path / "f" / "manifest.csv", "\n".join([*rows, "3,../x.png,,,", ""]))
    report = library.add_images(ws, [tmp_path / "f"])
    assert [(image.name, image.tags) for image in listed(ws)] == [
        ("a.png", ("blue", "calm", "sea")),
        ("b.png", ()),
    ]
    assert [(p.name, p.reason) for p in report.refused] == [
        ("c.png", "listed in manifest.csv (line 4), not found"),
        ("../x.png", "leads out of the manifest's folder"),
    ]
    again = library.add_images(ws, [tmp_path / "f" / "manifest.csv"])
    assert (again.added, again.known) == (0, 2)


def test_a_source_that_is_none_is_an_error(ws, tmp_path):
    with pytest.raises(BadInput, match="found nothing"):
        library.add_images(ws, [tmp_path / "absent"])
    with pytest.raises(BadInput, match="column named file"):
        library.add_images(ws, [write(tmp_path / "x.csv", "a,b\n")])


def test_an_import_that_stops_half_way_keeps_what_went_in(ws, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "BATCH", 2)
    sources = [Upload(f"{i}.png", picture(i)) for i in range(5)]

    def stop(done, total, message):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.add_images(ws, sources, progress=stop)
    assert len(listed(ws)) == 2
    report = library.add_images(ws, sources)
    assert (report.added, report.known) == (3, 2)


COSIS = "254 1671 3 926 3 3632 4\n254 1702 3 926 3 64 4\n"


def test_a_cosis_file_becomes_a_cluster_and_comes_back_byte_for_byte(ws, tmp_path):
    path = write(tmp_path / "dist_254.txt", COSIS + "\n")
    report = library.import_labels(ws, path)
    (cluster,) = report.clusters
    assert (cluster.name, cluster.kind, cluster.pages) == ("dist_254", ClusterKind.CONTEXT, 2)
    assert (report.new_images, report.missing_images) == (6, 6)
    library.export_labels(ws, "dist_254", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_bytes() == path.read_bytes()
    triples = library.load_triples(ws, [cluster.id])
    assert len(triples) == 6
    assert np.all(triples.votes_a + triples.votes_b == 1)


def test_importing_labels_twice_changes_nothing_and_says_so(ws, tmp_path):
    path = write(tmp_path / "dist_254.txt", COSIS)
    first = library.import_labels(ws, path)
    before = library.cluster_summaries(ws)
    again = library.import_labels(ws, path)
    assert again.unchanged
    assert "unchanged" in str(again)
    assert again.clusters == first.clusters
    assert library.cluster_summaries(ws) == before


def test_another_file_under_a_known_name_is_a_conflict(ws, tmp_path):
    library.import_labels(ws, write(tmp_path / "dist_254.txt", COSIS))
    other = write(tmp_path / "dist_254.txt", COSIS.replace("64 4", "65 4"))
    with pytest.raises(Conflict, match="dist_254"):
        library.import_labels(ws, other)
    assert library.import_labels(ws, other, cluster="second").clusters[0].pages == 2


def test_nothing_of_a_faulty_file_goes_in_unless_skipping_is_asked_for(ws, tmp_path):
    path = write(tmp_path / "dist_254.txt", COSIS + "254 1 1 2\n")
    with pytest.raises(BadLabels, match=r"dist_254\.txt:3: expected 7 numbers"):
        library.import_labels(ws, path)
    assert library.cluster_summaries(ws) == []
    assert listed(ws) == []
    report = library.import_labels(ws, path, skip_bad=True)
    assert [fault.line for fault in report.skipped] == [3]
    assert report.clusters[0].pages == 2


def test_labels_find_images_by_the_names_of_the_release(ws, tmp_path):
    write(tmp_path / "filename_dict.txt", "254 val h_f5\n1671 val h_16\n")
    library.import_labels(ws, write(tmp_path / "dist_254.txt", COSIS))
    sources = [Upload("h_f5.jpg", picture(1, "JPEG")), Upload("h_16.jpg", picture(2, "JPEG"))]
    report = library.add_images(ws, sources, prefix="val")
    assert (report.filled, report.added) == (2, 0)
    found = {image.name: image.available for image in listed(ws)}
    assert found["val/254"]
    assert found["val/1671"]
    assert not found["val/926"]


def test_images_without_pixels_can_be_counted_but_not_embedded(ws, tmp_path):
    report = library.import_labels(ws, write(tmp_path / "dist_254.txt", COSIS))
    (summary,) = library.cluster_summaries(ws)
    assert (summary.references, summary.pages, summary.judgements, summary.triples) == (1, 2, 2, 6)
    assert (summary.images, summary.missing_images, summary.open_pages) == (6, 6, 0)
    assert summary.classes == {1: 0, 2: 0, 3: 4, 4: 2, 5: 0}
    assert summary.same_class_share == pytest.approx(2 / 6)
    assert summary.tie_share == 0
    triples = library.load_triples(ws, [report.clusters[0].id])
    with pytest.raises(BadInput, match="6 of 6 images have no pixels here"):
        library.image_hashes(ws, triples.images.tolist())
    with pytest.raises(BadInput, match="unknown"):
        library.image_hashes(ws, [999_999])


def test_hashes_of_images_with_pixels_are_those_of_the_store(ws):
    library.add_images(ws, [Upload("a.png", picture(1)), Upload("b.png", picture(2))])
    images = listed(ws)
    hashes = library.image_hashes(ws, [image.id for image in images])
    assert hashes == {image.id: image.sha256 for image in images}
    assert all(sha256 in ws.store for sha256 in hashes.values())


def test_a_released_array_is_read_on_request_only_and_its_defects_are_told(ws, tmp_path):
    write(tmp_path / "dist_254.txt", COSIS)
    rows = [[0, 3, 3, 254, 1702, 926], [1, 3, 3, 254, 64, 1702], [0, 3, 3, 254, 926, 64]]
    (tmp_path / "npy").mkdir()
    path = tmp_path / "npy" / "dist_254.npy"
    np.save(path, np.array(rows, dtype=np.float64))
    with pytest.raises(BadInput, match="cosis-npy"):
        library.import_labels(ws, path)
    report = library.import_labels(ws, path, format="cosis-npy")
    assert "33.3% of 3 rows" in report.notes[0]
    assert "1 ranking is missing (row 1)" in report.notes[0]
    with ws.database.reading() as session:
        pages = annotations.pages_of(session, [report.clusters[0].id])
        log = annotations.judgements_of(session, [report.clusters[0].id])
        names = {image.id: image.name for image in listed(ws)}
    closer = [names[page.candidates[j.answer.order[0]]] for page, j in zip(pages, log, strict=True)]
    assert closer == ["val/1702", "val/1702", "val/926"]
    assert {page.mode for page in pages} == {PageMode.CHOOSE}


CSV = """ref,a,b,answer,n_a,n_b,annotator,response_ms,position,time,split
r,x,y,A,3,1,,,,,train
r,x,z,tie,2,2,,,,,train
r,x,y,B,,,Ann,900,"a=left,b=right",2026-01-01T00:00:00+00:00,test
r,y,x,A,,,Bob,-5,"a=left,b=right",,test
r,y,z,tie,,,Ann,,,,
"""


def votes_of(ws, name):
    """(reference, a, b) -> votes for a, both ways round."""
    with ws.database.reading() as session:
        cluster = queries.get_cluster(session, ws.project.id, name)
    names = {image.id: image.name for image in listed(ws)}
    found = {}
    for row in library.load_triples(ws, [cluster.id]).rows():
        r, a, b = (names[i] for i in (row.reference, row.a, row.b))
        found[(r, a, b)], found[(r, b, a)] = row.votes_a, row.votes_b
    return found


def test_rows_about_one_question_meet_on_one_page_with_all_their_votes(ws, tmp_path):
    path = write(tmp_path / "t.csv", CSV)
    report = library.import_labels(ws, path, cluster="c", kind="validation")
    (cluster,) = report.clusters
    # Counts 3:1 and 2:2 are two judgements each; the other three rows are one each.
    assert (cluster.pages, cluster.judgements, report.new_people) == (3, 7, 2)
    found = votes_of(ws, "c")
    assert found[("r", "x", "y")] == 3
    assert found[("r", "y", "x")] == 3
    assert found[("r", "x", "z")] == found[("r", "z", "x")] == 2
    assert found[("r", "y", "z")] == 0.5
    assert "1 negative response time," in report.notes[0]


def test_what_is_exported_as_csv_comes_back_the_same(ws, tmp_path):
    path = write(tmp_path / "t.csv", CSV)
    library.import_labels(ws, path, cluster="c", kind="test")
    library.export_labels(ws, "c", tmp_path / "one.csv")
    other = ws.with_project("fresh")
    library.import_labels(other, tmp_path / "one.csv", cluster="c", kind="test")
    library.export_labels(other, "c", tmp_path / "two.csv")
    one = (tmp_path / "one.csv").read_text()
    assert one == (tmp_path / "two.csv").read_text()
    # The turned question stands the way round in which its page first came; all else is as it was.
    turned = 'r,y,x,A,,,Bob,-5,"a=left,b=right",,test'
    assert one == CSV.replace(turned, 'r,x,y,B,,,Bob,-5,"a=right,b=left",,test')
    assert votes_of(other, "c") == votes_of(ws, "c")


def test_classes_go_out_and_come_back_whichever_way_round_a_question_stands(ws, tmp_path):
    text = "ref,a,b,answer,class_a,class_b\nr,x,y,A,1,3\nr,y,x,B,4,2\nr,x,z,tie,,\n"
    path = write(tmp_path / "t.csv", text)
    library.import_labels(ws, path, cluster="c", kind="test")
    with ws.database.reading() as session:
        log = annotations.judgements_of(
            session, [queries.get_cluster(session, ws.project.id, "c").id]
        )
    assert [judgement.answer.classes for judgement in log] == [(1, 3), (2, 4), ()]
    library.export_labels(ws, "c", tmp_path / "one.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "one.csv").read_text())))
    assert [(row["a"], row["answer"], row["class_a"], row["class_b"]) for row in rows] == [
        ("x", "A", "1", "3"),
        ("x", "A", "2", "4"),
        ("x", "tie", "", ""),
    ]


def test_a_csv_needs_to_be_told_what_it_is_for(ws, tmp_path):
    path = write(tmp_path / "t.csv", CSV)
    with pytest.raises(BadInput, match=r"which kind of cluster .*--kind .*--per-reference"):
        library.import_labels(ws, path)
    with pytest.raises(BadInput, match="context, validation, test, gold"):
        library.import_labels(ws, path, kind="training")


def many_references(tmp_path, n=10, per=3):
    rows = [f"f/r{i}.jpg,a{j}.jpg,b{j}.jpg,A" for i in range(n) for j in range(per)]
    return write(tmp_path / "t.csv", "\n".join(["ref,a,b,answer", *rows, ""]))


def references_of(ws, name):
    return {reference for reference, _, _ in votes_of(ws, name)}


def test_references_get_clusters_of_their_own_and_the_rest_is_held_out(ws, tmp_path):
    path = many_references(tmp_path)

    def take(workspace):
        return library.import_labels(
            workspace, path, cluster="m", per_reference=2, validation_share=0.25
        )

    report = take(ws)
    kinds = [(cluster.kind, cluster.references, cluster.pages) for cluster in report.clusters]
    assert kinds == [
        (ClusterKind.CONTEXT, 1, 3),
        (ClusterKind.CONTEXT, 1, 3),
        (ClusterKind.VALIDATION, 2, 6),
        (ClusterKind.TEST, 6, 18),
    ]
    parts = [references_of(ws, cluster.name) for cluster in report.clusters]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 10
    assert take(ws).unchanged
    again = take(ws.with_project("other"))
    assert [c.name for c in again.clusters] == [c.name for c in report.clusters]


def test_references_can_be_named(ws, tmp_path):
    path = many_references(tmp_path)
    report = library.import_labels(
        ws, path, cluster="m", per_reference=["r3", "f/r7.jpg"], validation_share=1
    )
    assert [c.name for c in report.clusters] == ["m-r3", "m-r7", "m-validation"]
    assert references_of(ws, "m-r3") == {"f/r3.jpg"}
    with pytest.raises(BadInput, match="'r99', found none"):
        library.import_labels(ws, path, cluster="n", per_reference=["r99"])
    with pytest.raises(BadInput, match=r"1\.\.10"):
        library.import_labels(ws, path, cluster="n", per_reference=11)
    cosis = write(tmp_path / "dist_254.txt", COSIS)
    with pytest.raises(BadInput, match="CSV files"):
        library.import_labels(ws, cosis, per_reference=1)


def test_a_file_that_is_no_label_file_is_refused(ws, tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        library.import_labels(ws, tmp_path / "absent.txt")
    with pytest.raises(BadInput, match=r"\.txt \(CoSIS\) or \.csv"):
        library.import_labels(ws, write(tmp_path / "x.doc", "a"))
    with pytest.raises(BadInput, match="say which kind"):
        library.import_labels(ws, write(tmp_path / "mine.txt", COSIS))
    report = library.import_labels(ws, write(tmp_path / "filename_dict.txt", "0 val h\n"))
    assert report.clusters == ()


def answered_world(ws):
    """A cluster of one ranked page whose answer was corrected, and one skipped page."""
    library.add_images(ws, [Upload(f"{i}.png", picture(i)) for i in range(4)])
    r, a, b, c = (image.id for image in listed(ws))
    with ws.database.writing() as session:
        cluster = queries.add_cluster(session, ws.project.id, "c", ClusterKind.GOLD)
        pages = [NewPage(r, (a, b, c)), NewPage(a, (r, b, c))]
        one, two = annotations.add_pages(session, ws.project.id, cluster.id, pages)
        people, _ = annotations.ensure_imported_people(session, ["Ann"])
        answer = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 3))
        first = annotations.add_judgement(
            session, NewJudgement(one, answer, person_id=people["Ann"], shown=(2, 1, 0))
        )
        better = Answer(JudgementKind.ANSWER, (2, 0, 1), (2, 4, 1))
        correction = NewJudgement(one, better, person_id=people["Ann"], supersedes=first)
        annotations.add_judgement(session, correction)
        annotations.add_judgement(session, NewJudgement(two, Answer(JudgementKind.SKIP)))
    return cluster


def test_the_whole_log_goes_out_with_superseded_rows_marked(ws, tmp_path):
    answered_world(ws)
    report = library.export_labels(ws, None, tmp_path / "log.jsonl")
    assert report.rows == 3
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["superseded"], row["standing"]) for row in rows] == [
        ("answer", True, False),
        ("answer", False, True),
        ("skip", False, False),
    ]
    assert rows[1]["supersedes"] == rows[0]["judgement"]
    assert rows[0]["shown"] == [2, 1, 0]
    assert rows[1]["order"] == [2, 0, 1]
    assert (rows[0]["person"], rows[0]["cluster"], rows[0]["cluster_kind"]) == ("Ann", "c", "gold")
    assert rows[0]["candidates"] == ["1.png", "2.png", "3.png"]
    library.export_labels(ws, ["c"], tmp_path / "log.parquet")
    from pyarrow import parquet

    table = parquet.read_table(tmp_path / "log.parquet").to_pylist()
    for column in ("judgement", "kind", "order", "classes", "person", "superseded"):
        assert [row[column] for row in table] == [row[column] for row in rows]


def test_a_ranked_page_goes_out_as_three_triples_with_its_classes(ws, tmp_path):
    answered_world(ws)
    assert library.export_labels(ws, "c", tmp_path / "t.csv").rows == 3
    other = ws.with_project("other")
    library.import_labels(other, tmp_path / "t.csv", kind="gold", cluster="c")
    assert votes_of(other, "c") == votes_of(ws, "c")
    assert (tmp_path / "t.csv").read_text().splitlines()[0].endswith("class_a,class_b")


def test_what_a_format_cannot_hold_is_said(ws, tmp_path):
    answered_world(ws)
    with pytest.raises(BadInput, match="has none"):
        library.export_labels(ws, "c", tmp_path / "c.txt")
    with pytest.raises(BadInput, match=r"got 'c\.doc'"):
        library.export_labels(ws, "c", tmp_path / "c.doc")
    with pytest.raises(NotFound, match="there are: c"):
        library.export_labels(ws, "d", tmp_path / "c.csv")
    path = write(tmp_path / "t.csv", CSV)
    library.import_labels(ws, path, cluster="pairs", kind="test")
    with pytest.raises(BadInput, match="one by one"):
        library.export_labels(ws, ["c", "pairs"], tmp_path / "c.txt")


def test_an_export_that_fails_leaves_the_old_file(ws, tmp_path, monkeypatch):
    answered_world(ws)
    target = write(tmp_path / "log.jsonl", "old")

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadInput, match="No space left"):
        library.export_labels(ws, "c", target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.glob("*log*")] == ["log.jsonl"]


def test_a_cluster_of_open_pages_is_drawn_from_images_with_pixels(ws, tmp_path):
    sources = [Upload(f"{i}.png", picture(i)) for i in range(8)]
    library.add_images(ws, sources[:2], tags=("sea",))
    library.add_images(ws, sources[2:])
    library.import_labels(ws, write(tmp_path / "dist_254.txt", COSIS))
    cluster = library.draw_cluster(
        ws, "new", ClusterKind.CONTEXT, pages_per_reference=5, tag="sea", wanted=2, seed=3
    )
    (summary,) = library.cluster_summaries(ws, [cluster.id])
    assert (summary.references, summary.pages, summary.open_pages) == (1, 5, 5)
    assert (summary.missing_images, summary.triples) == (0, 0)
    assert np.isnan(summary.tie_share)
    with ws.database.reading() as session:
        pages = annotations.pages_of(session, [cluster.id])
    assert pages[0].reference in {image.id for image in listed(ws, tag="sea")}
    named = [pages[0].reference]
    drawn = [
        library.draw_cluster(
            ws, name, ClusterKind.CONTEXT, references=named, pages_per_reference=5, seed=3
        ).id
        for name in ("again", "and again")
    ]
    with ws.database.reading() as session:
        one, two = ([p.candidates for p in annotations.pages_of(session, [id_])] for id_ in drawn)
    assert one == two
    with pytest.raises(BadInput, match="exactly one reference"):
        library.draw_cluster(ws, "two", ClusterKind.CONTEXT, references=2)
    with pytest.raises(Conflict):
        library.draw_cluster(ws, "new", ClusterKind.TEST, references=2, pages_per_reference=2)


def test_importing_the_services_does_not_load_torch():
    import subprocess
    import sys

    code = "import sys, cssim.services.library; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.fixture
def local(tmp_path):
    """A workspace on SQLite: real files are large, and their statements the same everywhere."""
    opened = open_workspace(load_settings())
    yield opened
    opened.close()


def test_all_real_rankings_go_in_and_come_back_byte_for_byte(local, shared, tmp_path):
    files = [p for p in sorted((shared / "cosis").glob("*.txt")) if p.name != "filename_dict.txt"]
    for path in files:
        library.import_labels(local, path)
        library.export_labels(local, path.stem, tmp_path / path.name)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    triples = {s.cluster.name: s.triples for s in library.cluster_summaries(local)}
    assert len(triples) == 10
    assert (triples.pop("mulref_val"), triples.pop("mulref_test")) == (12_009, 10_005)
    assert all(999 <= count <= 1_008 for count in triples.values())


def test_real_vote_counts_come_back_byte_for_byte(local, shared, tmp_path):
    path = shared / "human_materials" / "triplets.csv"
    library.import_labels(local, path, cluster="c", kind="test")
    library.export_labels(local, "c", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == path.read_bytes()
    (summary,) = library.cluster_summaries(local)
    assert (summary.triples, summary.votes) == (22_801, 92_892)


def test_real_answers_of_many_people_survive_export_and_import(local, shared, tmp_path):
    path = shared / "human_alien_eggs" / "triplets.csv"
    report = library.import_labels(local, path, cluster="c", kind="test")
    assert (report.new_people, report.clusters[0].judgements) == (416, 20_086)
    library.export_labels(local, "c", tmp_path / "one.csv")
    other = local.with_project("fresh")
    report = library.import_labels(other, tmp_path / "one.csv", cluster="c", kind="test")
    assert (report.new_people, report.known_people) == (0, 416)
    library.export_labels(other, "c", tmp_path / "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_real_photos_go_in_with_their_contexts(local, shared):
    report = library.add_images(local, [shared / "contexts8" / "ocean"], tag_folders=True)
    assert (report.added, report.refused) == (200, ())
    report = library.add_images(local, [shared / "contexts8"])
    assert (report.added, report.named, report.refused) == (1_400, 200, ())
    assert len(report.tags) == 8
    assert set(report.tags.values()) == {200}


def test_pipes_in_a_folder_do_not_stop_an_import(ws, tmp_path):
    write(tmp_path / "photos" / "a.jpg", picture(1, "JPEG"))
    os.mkfifo(tmp_path / "photos" / "pipe.jpg")
    report = library.add_images(ws, [tmp_path / "photos"])
    assert (report.added, report.refused, report.ignored) == (1, (), ("pipe.jpg",))


def test_a_name_that_is_no_utf_8_is_taken_with_its_bytes_written_out(ws, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    with open(os.fsencode(str(folder)) + b"/b\xff.png", "wb") as file:
        file.write(picture(1))
    assert library.add_images(ws, [folder]).added == 1
    assert [image.name for image in listed(ws)] == ["b\\xff.png"]
    assert str(library.add_images(ws, [folder])) == "added 0, already there 1"


def test_pictures_that_nothing_here_reads_are_refused_by_name_and_not_passed_over(ws, tmp_path):
    phone = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    write(tmp_path / "photos" / "IMG_1.HEIC", phone)
    write(tmp_path / "photos" / "IMG_2.jpg", phone)
    write(tmp_path / "photos" / "raw.CR2", b"II*\0" + bytes(200))
    write(tmp_path / "photos" / "IMG_3.heic", picture(1, "JPEG"))  # a JPEG for all that
    report = library.add_images(ws, [tmp_path / "photos"])
    assert (report.added, report.ignored) == (1, ())
    heic = "a HEIC photo, which cannot be read here; export it as JPEG first"
    reasons = {problem.name: problem.reason for problem in report.refused}
    assert reasons["IMG_1.HEIC"] == reasons["IMG_2.jpg"] == heic
    assert "a camera's raw file" in reasons["raw.CR2"]


def test_remarks_are_counted(ws, tmp_path):
    for i in range(3):
        write(tmp_path / "photos" / f"{i}.jpg", picture(i))
    assert library.add_images(ws, [tmp_path / "photos"]).remarks == {
        "named .jpg, but it is a PNG file": 3
    }
