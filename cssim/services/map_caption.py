"""The caption of a map of references, for a paper: everything that its numbers rest on."""

from __future__ import annotations

from cssim import words
from cssim.ensembles.regions import RegionTest
from cssim.ensembles.tsne import COMPONENTS, PERPLEXITY
from cssim.services.inspection_types import InspectionInfo
from cssim.services.regions import Picture, View, shuffles, told_p


def caption(info: InspectionInfo, view: View, found: Picture) -> str:
    """Plain text: what is shown, where dots lie, what colours and sizes mean, and the null.

    Args:
        info: the inspection.
        view: what is shown of it.
        found: the view with its numbers.
    """
    parts = [
        _shown(view, found) + f" on {_references(info, view, found)}.",
        _plane(info, view),
        _colours(view, found),
    ]
    if view.surface:
        parts.append(
            "Beneath the dots: mean of the references, each counting once, in a square window of "
            f"side {view.window} on a grid of side {view.grid}."
        )
    return " ".join([*parts, _null(found)])


def _shown(view: View, found: Picture) -> str:
    first = found.panels[0].title
    return {
        "model": f"Accuracy of {first}",
        "multiples": f"Accuracy of {words.count(len(found.panels), 'model')}",
        "difference": f"Accuracy of {view.row} minus that of {view.other}",
        "agreement": f"{first}: share of pairs that give the same answer",
    }[view.kind]


def _references(info: InspectionInfo, view: View, found: Picture) -> str:
    text = (
        f"{words.count(len(found.places), 'reference image')} with "
        f"{words.count(int(found.dots.triples.sum()), 'triple')} ({info.title}"
    )
    if view.tags:
        text += f"; only with the tag {' or '.join(view.tags)}"
    if view.least > 1:
        text += f"; only with {words.count(view.least, 'triple')} or more"
    return text + ")"


def _plane(info: InspectionInfo, view: View) -> str:
    features = f"features of {info.projector}"
    if view.plane == "tsne":
        return (
            f"Plane: t-SNE of up to {COMPONENTS} principal components of the {features}, "
            f"perplexity {PERPLEXITY:g}; distances in it mean little."
        )
    shares = ""
    if info.explained is not None:
        first, second = (f"{100 * share:.0f} %" for share in info.explained)
        shares = f" ({first} and {second} of their variance)"
    return f"Plane: two principal components of the {features}{shares}."


def _colours(view: View, found: Picture) -> str:
    share = "share of people's votes that a model agrees with"
    above = f"blue (above the mean, {100 * found.panels[0].centre:.1f} %)"
    what = {
        "model": f"{share}, from orange (below) to {above}",
        "multiples": f"{share}, from orange (below) to blue (above each model's own mean)",
        "difference": "percentage points, from orange (the second is better) to blue (the first)",
        "agreement": f"from orange (below) to {above}",
    }[view.kind]
    return (
        f"Colour: {what}; a reference's number is drawn towards the mean as far as its few triples "
        "demand (beta-binomial model, fitted by moments). Larger and stronger dots rest on more "
        "triples."
    )


def _null(found: Picture) -> str:
    drawn = words.count(shuffles(len(found.places)), "random shuffle")
    tests = [(panel.title, test) for panel, test in zip(found.panels, found.tests, strict=True)]
    return (
        "Share of the differences between references that a map explains, against maps of "
        f"references dealt anew ({drawn}, with the range of 95 % of them): "
        + "; ".join(_tested(title, test) for title, test in tests)
        + "."
    )


def _tested(title: str, test: RegionTest) -> str:
    if test.explained is None or test.shuffled is None or test.p is None:
        return f"{title}, where references do not differ"
    return (
        f"{title} {100 * test.explained:.1f} % against {100 * test.shuffled:.1f} % "
        f"({100 * (test.low or 0):.1f} to {100 * (test.high or 0):.1f} %), p {told_p(test.p)}"
    )
