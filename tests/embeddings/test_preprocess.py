import numpy as np
import PIL.Image
import pytest
import torch

from cssim.embeddings.preprocess import Preprocessing, from_processor
from cssim.errors import BadInput
from tests.embeddings.small_models import pictures


def processor(kind: str, **settings):
    import transformers

    return getattr(transformers, kind)(**settings)


def test_pixels_equal_those_of_the_image_processor_where_it_does_not_crop():
    own = processor("ViTImageProcessorPil", size={"height": 24, "width": 24})
    images = pictures(3, size=(61, 47))
    theirs = own(images=images, return_tensors="pt").pixel_values
    torch.testing.assert_close(from_processor(own)(images), theirs, atol=1e-5, rtol=0)


def test_a_processor_that_crops_gives_its_size_but_the_whole_picture():
    own = processor("CLIPImageProcessorPil", size={"shortest_edge": 36}, crop_size=24)
    found = from_processor(own)
    assert (found.height, found.width) == (24, 24)
    image = PIL.Image.new("RGB", (200, 50), "black")
    image.paste("white", (0, 0, 50, 50))  # a centre crop would not see this
    assert found([image])[0, :, :, :5].min() > found([image])[0, :, :, 12:].max()


def test_shortest_edge_and_missing_sizes():
    own = processor("ConvNextImageProcessorPil", size={"shortest_edge": 224})
    assert (from_processor(own).height, from_processor(own).width) == (224, 224)
    own.size = {}
    with pytest.raises(BadInput, match="no input size"):
        from_processor(own)


@pytest.mark.parametrize("kind", ["MobileViT", "EfficientNet", "Siglip2"])
def test_a_processor_that_does_more_is_refused_and_not_imitated_in_part(kind):
    """The first turns the channels round, the second normalises twice, the third cuts patches."""
    own = processor(f"{kind}ImageProcessorPil", size={"height": 32, "width": 32})
    with pytest.raises(BadInput, match="does more with a picture"):
        from_processor(own)


@pytest.mark.parametrize(
    "kind",
    ["Bit", "CLIP", "ConvNext", "DeiT", "MobileNetV1", "MobileNetV2", "Siglip", "ViT"],
)
def test_the_processors_of_known_families_are_read_in_full(kind):
    own = processor(f"{kind}ImageProcessorPil")
    found = from_processor(own)
    image = pictures(1, size=(found.width, found.height))
    theirs = own(images=image, do_resize=False, do_center_crop=False, return_tensors="pt")
    torch.testing.assert_close(found(image), theirs.pixel_values, atol=1e-5, rtol=0)


def test_normalisation_by_hand():
    preprocess = Preprocessing(1, 1, mean=(0.5, 0.0, 0.2), std=(0.5, 1.0, 0.1))
    pixels = preprocess([PIL.Image.new("RGB", (3, 3), (255, 51, 0))])
    np.testing.assert_allclose(pixels.flatten().numpy(), [1.0, 0.2, -2.0], atol=1e-6)


def test_grey_alpha_and_palette_pictures_are_converted():
    preprocess = Preprocessing(8, 8, mean=(0.0,) * 3, std=(1.0,) * 3)
    images = [PIL.Image.new(mode, (9, 5)) for mode in ("L", "LA", "RGBA", "P", "CMYK", "1")]
    assert preprocess(images).shape == (6, 3, 8, 8)
    assert preprocess([]).shape == (0, 3, 8, 8)
