"""The figure of people: its points are the numbers, who stands out is marked."""

from cssim.plots.quality import PersonPoint, people_scatter


def test_each_person_is_a_point_and_those_who_stand_out_have_a_mark_of_their_own():
    points = [PersonPoint("Ada", 2.0, 0.8, 50), PersonPoint("Carl", 0.3, 0.5, 40, "too fast")]
    plain, marked = people_scatter(points, fast_seconds=0.5).data
    assert (list(plain.x), list(plain.y), list(marked.x), list(marked.y)) == (
        [2],
        [80],
        [0.3],
        [50],
    )
    assert plain.marker.symbol != marked.marker.symbol
    assert "too fast" in marked.text[0]
    assert "Ada" in plain.text[0]


def test_a_line_stands_where_answers_are_too_fast():
    figure = people_scatter([PersonPoint("Ada", 2.0, 0.8, 50)], fast_seconds=0.5, dark=True)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.5]
