from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from cssim.errors import BadInput, Conflict, NotFound
from cssim.types import ClusterKind, Image
from db import annotations, imports, library
from db.annotations import NewPage
from db.imports import ImageFile, Outcome
from db.models import ImageRow

SUFFIXES = (".jpg", ".png")


def file(name, content, *tags):
    return ImageFile(name, content * 64, 20, 10, tags)


@pytest.fixture
def project(database):
    with database.writing() as session:
        return library.ensure_project(session, "mine").id


def record(database, project, *files):
    with database.writing() as session:
        return imports.record_files(session, project, files, SUFFIXES)


def images(database, project):
    with database.reading() as session:
        return library.list_images(session, project)


def names(database, project):
    with database.reading() as session:
        return library.all_names(session, project)


def labelled(database, project, *groups):
    with database.writing() as session:
        return imports.ensure_names(session, project, groups, SUFFIXES)


def test_a_project_is_made_once_and_found_by_name(database):
    with database.writing() as session:
        made = library.ensure_project(session, "p")
        assert library.ensure_project(session, "p") == made
    with database.reading() as session:
        assert library.find_project(session, "p") == made
        assert library.find_project(session, "q") is None
        assert library.list_projects(session) == [made]


def test_many_threads_make_one_project(database):
    def make(_):
        with database.writing() as session:
            return library.ensure_project(session, "same").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(8)))) == 1


def test_a_project_needs_a_name(database):
    with database.writing() as session, pytest.raises(BadInput):
        library.ensure_project(session, "  ")


def test_new_files_become_images_with_their_tags(database, project):
    assert record(database, project, file("b/1.jpg", "1", "sea", "blue"), file("a.jpg", "2")) == [
        Outcome.ADDED,
        Outcome.ADDED,
    ]
    one, two = images(database, project)
    assert one == Image(one.id, "b/1.jpg", "1" * 64, 20, 10, ("blue", "sea"), "")
    assert (two.name, two.tags, two.available) == ("a.jpg", (), True)


def test_the_same_file_twice_changes_nothing(database, project):
    record(database, project, file("a.jpg", "1", "sea"))
    before = images(database, project)
    assert record(database, project, file("a.jpg", "1", "sea")) == [Outcome.KNOWN]
    assert images(database, project) == before


def test_a_later_import_can_add_tags(database, project):
    record(database, project, file("a.jpg", "1", "sea"))
    record(database, project, file("a.jpg", "1", "blue", "sea"))
    assert images(database, project)[0].tags == ("blue", "sea")
    with database.reading() as session:
        assert library.count_tags(session, project) == {"blue": 1, "sea": 1}


def test_equal_content_under_two_names_is_one_image_with_two_names(database, project):
    assert record(database, project, file("a.jpg", "1"), file("b.jpg", "1"))[1] is Outcome.NAMED
    (image,) = images(database, project)
    assert names(database, project) == {"a.jpg": image.id, "b.jpg": image.id}
    with database.reading() as session:
        assert library.names_of(session, [image.id]) == {image.id: ("a.jpg", "b.jpg")}


def test_a_name_that_belongs_to_another_picture_is_not_taken(database, project):
    assert record(database, project, file("a.jpg", "1"), file("a.jpg", "2"))[1] is Outcome.TAKEN
    assert record(database, project, file("b.jpg", "2"), file("a.jpg", "2")) == [
        Outcome.ADDED,
        Outcome.TAKEN,
    ]
    assert [image.sha256[0] for image in images(database, project)] == ["1", "2"]


def test_many_imports_at_once_give_each_name_to_one_image(database, project):
    def take(i):
        return record(database, project, file("same.jpg", "1"), file(f"{i}.jpg", "1"))

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(take, range(6)))
    assert sum(outcome[0] is Outcome.ADDED for outcome in outcomes) == 1
    assert len(images(database, project)) == 1
    assert len(names(database, project)) == 7


def test_labels_first_and_pixels_later(database, project):
    (known,), made = labelled(database, project, ("val/254", "val/h_f5"))
    assert made == 1
    assert not images(database, project)[0].available
    outcome = record(database, project, file("val/h_f5.jpg", "1"))
    assert outcome == [Outcome.FILLED]
    (image,) = images(database, project)
    assert (image.id, image.name, image.sha256) == (known, "val/254", "1" * 64)
    assert set(names(database, project)) == {"val/254", "val/h_f5", "val/h_f5.jpg"}
    assert record(database, project, file("val/h_f5.jpg", "1")) == [Outcome.KNOWN]


def test_pixels_first_and_labels_later(database, project):
    record(database, project, file("val/h_f5.jpg", "1"), file("other.jpg", "2"))
    (found,), made = labelled(database, project, ("val/254", "val/h_f5"))
    assert (made, found) == (0, images(database, project)[0].id)
    assert labelled(database, project, ("val/254",)) == ([found], 0)


def test_a_name_without_extension_that_fits_two_files_means_neither(database, project):
    record(database, project, file("a.jpg", "1"), file("a.png", "2"))
    (found,), made = labelled(database, project, ("a",))
    assert made == 1
    assert found not in [image.id for image in images(database, project) if image.available]


def test_a_full_name_wins_over_one_without_extension(database, project):
    record(database, project, file("a.jpg", "1"), file("a.png", "2"))
    (found,), _ = labelled(database, project, ("a.png",))
    assert found == images(database, project)[1].id


def test_only_known_extensions_may_be_left_out(database, project):
    labelled(database, project, ("photo",))
    assert record(database, project, file("photo.2021", "1")) == [Outcome.ADDED]


def test_a_group_of_names_is_one_image_and_repeated_groups_are_too(database, project):
    ids, made = labelled(database, project, ("x", "y"), ("z",), ("x", "y"))
    assert (ids[0], made) == (ids[2], 2)
    assert ids[0] != ids[1]


def test_names_of_two_pictures_cannot_mean_one_image(database, project):
    record(database, project, file("a.jpg", "1"), file("b.jpg", "2"))
    with pytest.raises(BadInput, match="different pictures"):
        labelled(database, project, ("a.jpg", "b.jpg"))


@pytest.mark.parametrize("name", ["", " ", "x" * 501])
def test_a_name_that_cannot_be_kept_is_refused(database, project, name):
    with pytest.raises(BadInput, match="1 to 500"):
        labelled(database, project, (name,))


def page_of(database, project, *groups):
    """A page on images known by name only: the first is the reference."""
    ids, _ = labelled(database, project, *groups)
    with database.writing() as session:
        cluster = library.add_cluster(session, project, "c", ClusterKind.TEST)
        pages = [NewPage(ids[0], tuple(ids[1:]))]
        annotations.add_pages(session, project, cluster.id, pages)
    return cluster.id, ids


def test_pixels_that_are_here_already_take_the_place_of_a_bare_name(database, project):
    cluster, ids = page_of(database, project, ("r",), ("x",), ("y",))
    record(database, project, file("else.jpg", "1"))
    assert record(database, project, file("x.jpg", "1")) == [Outcome.FILLED]
    with database.reading() as session:
        (page,) = annotations.pages_of(session, [cluster])
        found = library.images_by_id(session, page.candidates)
    assert page.reference == ids[0]
    assert found[page.candidates[0]].name == "else.jpg"
    assert names(database, project)["x"] == page.candidates[0]
    assert len(images(database, project)) == 3


def test_a_page_never_shows_one_picture_twice(database, project):
    cluster, ids = page_of(database, project, ("r",), ("x",), ("y",))
    record(database, project, file("x.jpg", "1"))
    assert record(database, project, file("y.jpg", "1")) == [Outcome.TAKEN]
    with database.reading() as session:
        assert annotations.pages_of(session, [cluster])[0].candidates == (ids[1], ids[2])


def test_a_bare_name_and_a_picture_become_one_when_a_name_list_joins_them(database, project):
    cluster, ids = page_of(database, project, ("val/1",), ("val/2",), ("val/3",))
    record(database, project, file("val/h_2.jpg", "2"))
    picture = names(database, project)["val/h_2.jpg"]
    found, made = labelled(database, project, ("val/2", "val/h_2"), ("val/1", "val/h_1"))
    assert (found, made) == ([picture, ids[0]], 0)
    with database.reading() as session:
        assert annotations.pages_of(session, [cluster])[0].candidates == (picture, ids[2])


def test_images_are_listed_by_tag_availability_and_part_of_the_name(database, project):
    record(database, project, file("sea/A_1.jpg", "1", "sea"), file("sky.jpg", "2", "sky"))
    labelled(database, project, ("bare%name",))

    def found(**options):
        with database.reading() as session:
            listed = [image.name for image in library.list_images(session, project, **options)]
            if "limit" not in options:
                assert library.count_images(session, project, **options) == len(listed)
            return listed

    assert found(tag="sea") == ["sea/A_1.jpg"]
    assert found(available=True) == ["sea/A_1.jpg", "sky.jpg"]
    assert found(available=False) == ["bare%name"]
    assert found(search="a_") == ["sea/A_1.jpg"]
    assert found(search="%") == ["bare%name"]
    assert found(offset=1, limit=1) == ["sky.jpg"]


@pytest.mark.parametrize("search", ["Übung", "übung", "ÜBUNG"])
def test_capitals_of_any_alphabet_are_found_in_either_case(database, project, search):
    record(database, project, file("Übung.jpg", "1"), file("other.jpg", "2"))
    with database.reading() as session:
        if session.scalar(select(func.lower("Ü"))) != "ü":
            pytest.skip("this PostgreSQL database was made with a locale that knows ASCII alone")
        found = library.list_images(session, project, search=search)
    assert [image.name for image in found] == ["Übung.jpg"]


def test_projects_do_not_see_each_others_images(database, project):
    record(database, project, file("a.jpg", "1"))
    with database.writing() as session:
        other = library.ensure_project(session, "other").id
    assert record(database, other, file("a.jpg", "1")) == [Outcome.ADDED]
    with database.reading() as session:
        assert library.image_ids_by_name(session, other, ["a.jpg"]) == {
            "a.jpg": images(database, other)[0].id
        }
        assert library.image_by_hash(session, other, "1" * 64) == images(database, other)[0]
        assert library.image_by_hash(session, other, "2" * 64) is None
        assert len(set(session.scalars(select(ImageRow.id)))) == 2


def test_long_lists_of_ids_and_names_are_looked_up_in_pieces(database, project):
    groups = [(f"n{i}",) for i in range(12_000)]
    ids, made = labelled(database, project, *groups)
    assert made == len(set(ids)) == 12_000
    with database.reading() as session:
        assert len(library.images_by_id(session, ids)) == 12_000
        found = library.image_ids_by_name(session, project, [name for (name,) in groups])
    assert [found[name] for (name,) in groups] == ids


def test_clusters_are_listed_as_they_were_made_and_found_by_name(database, project):
    with database.writing() as session:
        one = library.add_cluster(
            session, project, "z", ClusterKind.CONTEXT, context="ocean", source={"a": [1]}
        )
        two = library.add_cluster(session, project, "a", ClusterKind.TEST)
    with database.reading() as session:
        assert library.list_clusters(session, project) == [one, two]
        assert library.list_clusters(session, project, kind=ClusterKind.TEST) == [two]
        assert library.get_cluster(session, project, "z") == one
        assert library.clusters_by_id(session, [two.id, 999]) == {two.id: two}
    assert (one.context, one.source) == ("ocean", {"a": [1]})


def test_an_unknown_cluster_is_answered_with_those_that_exist(database, project):
    with database.writing() as session:
        library.add_cluster(session, project, "mine", ClusterKind.GOLD)
    with database.reading() as session, pytest.raises(NotFound, match="there are: mine"):
        library.get_cluster(session, project, "yours")


def test_two_clusters_cannot_share_a_name(database, project):
    with database.writing() as session:
        library.add_cluster(session, project, "c", ClusterKind.TEST)
        with pytest.raises(Conflict, match="'c'"):
            library.add_cluster(session, project, "c", ClusterKind.GOLD)
