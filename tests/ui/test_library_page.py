"""The library page: empty, with sets and images, importing, drawing a new set."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cssim.services import gallery, jobs, library
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, PageMode, Role
from tests.pages import add_nameless, add_pages, add_pictures, picture
from tests.ui.looking import look, markup, said, sign_in, tables

CSV = "ref,a,b,answer,n_a,n_b\np0.jpg,p1.jpg,p2.jpg,A,3,1\np0.jpg,p1.jpg,p3.jpg,tie,2,2\n"


@pytest.fixture(autouse=True)
def _researcher(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(ws, monkeypatch, Role.RESEARCHER)


def part(name: str) -> AppTest:
    return look("library", lambda app: app.session_state.__setitem__("library_part", name))


def test_an_empty_project_says_what_to_do_next(ws: Workspace) -> None:
    assert "No sets yet" in said(look("library"))
    assert "No images yet" in said(part("Images"))
    assert "Too few images" in said(part("New set"))


def test_the_sets_stand_in_a_table_with_their_numbers(ws: Workspace, tmp_path: Path) -> None:
    add_pictures(ws, 4)
    file = tmp_path / "likeness.csv"
    file.write_text(CSV)
    library.import_labels(ws, file, kind=ClusterKind.CONTEXT)
    (shown,) = tables(look("library"))
    # Set, kind, references, pages, votes (3 + 1 + 2 + 2), triples, ties (1 of 2), pixels.
    assert shown.endswith("likeness context 1 2 8 2 50.0 % all here")


def test_a_set_shows_at_once_what_was_answered_meanwhile(ws: Workspace, tmp_path: Path) -> None:
    add_pictures(ws, 5)
    add_pages(ws, [(1, (2, 3))], mode=PageMode.CHOOSE, cluster="open")
    app = look("library")
    assert "1 unanswered" in tables(app)[0]
    file = tmp_path / "more.csv"
    file.write_text(CSV)
    library.import_labels(ws, file, kind=ClusterKind.VALIDATION)
    assert "more validation 1 2 8 2" in tables(app.run())[0]


def test_names_are_shown_as_they_are_and_never_as_html(ws: Workspace) -> None:
    library.add_images(ws, [library.Upload("<b onclick=x>.jpg", picture(1))])
    app = part("Images")
    assert "<b onclick" not in markup(app)
    assert "<b onclick=x>.jpg" in tables(app)[0]


def test_images_are_found_by_tag_and_name_page_by_page(ws: Workspace) -> None:
    uploads = [library.Upload(f"sea {i:02}.jpg", picture(i)) for i in range(50)]
    library.add_images(ws, uploads, tags=["ocean"])
    library.add_images(ws, [library.Upload("tree.jpg", picture(99))], tags=["forest"])
    add_nameless(ws, "val/1")
    app = part("Images")
    assert "1 to 48 of 52" in said(app)
    app.button(key="library_images_on").click().run()
    assert "49 to 52 of 52" in said(app)
    assert "no pixels here val/1" in tables(app)[0]
    app.selectbox(key="library_images_tag").select("ocean").run()
    assert "1 to 48 of 50" in said(app)
    app.text_input(key="library_images_search").input("SEA 07").run()
    assert tables(app) == ["sea 07.jpg"]
    app.text_input(key="library_images_search").input("zebra").run()
    assert "Nothing fits" in said(app)


def test_the_export_gives_the_file_back_byte_for_byte(ws: Workspace, tmp_path: Path) -> None:
    add_pictures(ws, 4)
    file = tmp_path / "likeness.csv"
    file.write_text(CSV)
    library.import_labels(ws, file, kind=ClusterKind.CONTEXT)
    app = look("library")
    app.selectbox(key="library_export_set").select("likeness")
    app.button(key="library_export_prepare").click().run()
    assert not app.error
    _, rows, data = app.session_state["library_export"]
    assert (rows, data.decode()) == (2, CSV)


def test_an_export_that_cannot_hold_the_answers_says_why(ws: Workspace, tmp_path: Path) -> None:
    add_pictures(ws, 4)
    file = tmp_path / "likeness.csv"
    file.write_text(CSV)
    library.import_labels(ws, file, kind=ClusterKind.CONTEXT)
    app = look("library")
    app.selectbox(key="library_export_set").select("likeness")
    app.selectbox(key="library_export_format").select("CoSIS text")
    app.button(key="library_export_prepare").click().run()
    assert len(app.error) == 1
    assert "library_export" not in app.session_state


def test_uploaded_pictures_go_in_and_bad_ones_are_named(ws: Workspace) -> None:
    app = part("Import")
    files = [("good.jpg", picture(1), "image/jpeg"), ("bad.jpg", b"no picture", "image/jpeg")]
    app.file_uploader(key="library_pictures_files").set_value(files)
    app.text_input(key="library_pictures_tags").input("ocean, summer")
    app.button[0].click().run()
    assert "**1 new image**" in said(app)
    assert "bad.jpg" in tables(app)[0]
    assert gallery.tag_counts(ws) == {"ocean": 1, "summer": 1}


def test_only_an_administrator_may_name_a_folder_of_the_server(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "library_pictures_folder" not in {one.key for one in part("Import").text_input}
    sign_in(ws, monkeypatch, Role.ADMINISTRATOR)
    folder = tmp_path / "photos" / "ocean"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(picture(1))
    app = part("Import")
    app.text_input(key="library_pictures_folder").input(str(tmp_path / "photos"))
    app.checkbox(key="library_pictures_tag_folders").check()
    app.button[0].click().run()
    assert "**1 new image**" in said(app)
    assert gallery.tag_counts(ws) == {"ocean": 1}


def test_a_faulty_label_file_is_refused_line_by_line(ws: Workspace) -> None:
    add_pictures(ws, 4)
    app = part("Import")
    faulty = CSV + "p0.jpg,p2.jpg,p3.jpg,perhaps,,\n"
    app.file_uploader(key="library_labels_files").set_value(
        [("likeness.csv", faulty.encode(), "text/csv")]
    )
    app.selectbox(key="library_labels_kind").select(ClusterKind.CONTEXT)
    app.button[1].click().run()
    assert "1 faulty line" in said(app)
    assert "line 4" in tables(app)[0]
    assert "perhaps" in tables(app)[0]
    assert library.cluster_summaries(ws) == []


def test_a_label_file_goes_in_and_twice_changes_nothing(ws: Workspace) -> None:
    add_pictures(ws, 4)
    app = part("Import")
    for expected in ("is in: likeness (context, 2 pages)", "was here already"):
        app.file_uploader(key="library_labels_files").set_value(
            [("likeness.csv", CSV.encode(), "text/csv")]
        )
        app.selectbox(key="library_labels_kind").select(ClusterKind.CONTEXT)
        app.button[1].click().run()
        assert expected in said(app).replace("\\", "")
    (summary,) = library.cluster_summaries(ws)
    assert (summary.cluster.name, summary.triples, summary.votes) == ("likeness", 2, 8)


def test_an_error_names_the_file_and_not_where_it_lay(ws: Workspace) -> None:
    app = part("Import")
    app.file_uploader(key="library_labels_files").set_value(
        [("likeness.csv", CSV.encode(), "text/csv")]
    )
    app.button[1].click().run()
    assert "likeness.csv: say which kind" in app.error[0].value
    assert "/tmp" not in app.error[0].value


def test_two_label_files_of_one_name_are_not_mixed_up(ws: Workspace) -> None:
    add_pictures(ws, 4)
    app = part("Import")
    other = CSV.replace("3,1", "1,3").encode()
    app.file_uploader(key="library_labels_files").set_value(
        [("likeness.csv", CSV.encode(), "text/csv"), ("likeness.csv", other, "text/csv")]
    )
    app.button(key="FormSubmitter:library_labels-Take answers in").click().run()
    assert "two files are called likeness.csv" in said(app)
    assert library.cluster_summaries(ws) == []


def test_a_new_set_shows_its_cost_and_is_made(ws: Workspace) -> None:
    add_pictures(ws, 12)
    app = part("New set")
    app.number_input(key="new_set_pages_context").set_value(20)
    app.number_input(key="new_set_people").set_value(2).run()
    # 20 pages x 2 people x 12 s = 480 s
    assert "Labelling time, all people together 8 min" in said(app)
    app.button(key="new_set_make").click().run()
    assert "a set needs a name" in app.error[0].value
    app.text_input(key="new_set_name").input("shapes").run()
    app.selectbox(key="new_set_reference").select("p3.jpg").run()
    app.button(key="new_set_make").click().run()
    assert not app.error
    (summary,) = library.cluster_summaries(ws)
    assert (summary.pages, summary.open_pages, summary.references) == (20, 20, 1)
    assert gallery.first_references(ws, [summary.cluster.id])[summary.cluster.id].name == "p3.jpg"


def test_a_validation_set_has_many_references(ws: Workspace) -> None:
    add_pictures(ws, 12)
    app = part("New set")
    app.selectbox(key="new_set_kind").select(ClusterKind.VALIDATION).run()
    app.number_input(key="new_set_count").set_value(5)
    app.number_input(key="new_set_candidates").set_value(2).run()
    app.text_input(key="new_set_name").input("held out").run()
    app.button(key="new_set_make").click().run()
    assert not app.error
    (summary,) = library.cluster_summaries(ws)
    assert (summary.pages, summary.references) == (5, 5)
    assert summary.cluster.kind is ClusterKind.VALIDATION


def test_a_researcher_cannot_withdraw_pictures(ws: Workspace) -> None:
    add_pictures(ws, 2)
    app = part("Images")
    assert "library_withdraw" not in [button.key for button in app.button]
    assert "Withdrawn" not in [tab.label for tab in app.tabs]


def test_an_administrator_withdraws_a_picture_and_allows_it_again(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(ws, monkeypatch, Role.ADMINISTRATOR)
    monkeypatch.setattr(jobs, "ensure_worker", lambda _: None)
    images = add_pictures(ws, 3)
    add_pages(ws, [(images[0], tuple(images[1:]))], mode=PageMode.CHOOSE)
    sha256 = str(gallery.images_of(ws, images)[images[1]].sha256)
    app = part("Images")
    assert app.button(key="library_withdraw").disabled
    app.multiselect(key="library_withdraw_pictures").select(images[1]).run()
    assert "1 open page, 0 answered pages, 0 judgements" in said(app)
    app.checkbox(key="library_withdraw_sure").check().run()
    assert app.button(key="library_withdraw").disabled  # a reason is lacking
    app.text_input(key="library_withdraw_reason").input("copyright").run()
    app.button(key="library_withdraw").click().run()
    assert "1 picture withdrawn" in said(app)
    assert "p1.jpg" not in tables(app)[0]
    assert sha256 not in ws.store
    app = part("Withdrawn")
    assert "administrator copyright" in said(app)
    assert "being deleted" in said(app)
    jobs.run_worker(ws, limit=1)
    assert "gone for good" in said(app.run())
    app.button(key="library_restore").click().run()
    assert "allowed again; import its file" in said(app)
