"""Published checkpoint files become folders that compute the same numbers."""

import re

import pytest
import torch
from torch.nn import functional as F

from cssim.embeddings.backbones import REGISTRY, load_backbone, resolve, status
from cssim.embeddings.checkpoints import CHECKPOINTS, convert, empty_network, read_tensors
from cssim.errors import BadInput, Conflict, NotFound, Unavailable
from tests.embeddings.small_models import pictures

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)


def tensors(shapes, seed=0):
    """Random weights of a sensible size; running variances are positive."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in shapes.items():
        fan = max(1, int(torch.tensor(shape[1:]).prod())) if len(shape) > 1 else 1
        value = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        found[name] = value.abs() + 0.5 if name.endswith("running_var") else value
        if len(shape) == 1 and name.endswith(".weight"):
            found[name] = 1 + 0.1 * value
    return found


def norm_shapes(name, width):
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (width,) for part in parts}


def resnet_shapes(depths, *, bottleneck, names):
    """Shapes of a ResNet's tensors, named by `names(stage, block, part)`."""
    shapes = {names(0, 0, "conv"): (64, 3, 7, 7)} | norm_shapes(names(0, 0, "norm"), 64)
    before = 64
    for stage, depth in enumerate(depths, start=1):
        inner = 64 * 2 ** (stage - 1)
        out = inner * 4 if bottleneck else inner
        kernels = (1, 3, 1) if bottleneck else (3, 3)
        for block in range(depth):
            widths = [before, *([inner] * (len(kernels) - 1)), out]
            for i, kernel in enumerate(kernels):
                shape = (widths[i + 1], widths[i], kernel, kernel)
                shapes[names(stage, block, f"conv{i}") + ".weight"] = shape
                shapes |= norm_shapes(names(stage, block, f"norm{i}"), widths[i + 1])
            if block == 0 and (before != out or stage > 1):
                shapes[names(stage, block, "short") + ".weight"] = (out, before, 1, 1)
                shapes |= norm_shapes(names(stage, block, "shortnorm"), out)
            before = out
    return shapes


def torchvision_name(stage, block, part):
    if stage == 0:
        return "conv1.weight" if part == "conv" else "bn1"
    where = f"layer{stage}.{block}"
    if part.startswith("short"):
        return f"{where}.downsample.{int(part == 'shortnorm')}"
    return f"{where}.{'conv' if part.startswith('conv') else 'bn'}{int(part[-1]) + 1}"


def pycls_name(stage, block, part):
    if stage == 0:
        return "stem.conv.weight" if part == "conv" else "stem.bn"
    where = f"s{stage}.b{block + 1}"
    if part.startswith("short"):
        return f"{where}.{'bn' if part == 'shortnorm' else 'proj'}"
    return f"{where}.f.{'abc'[int(part[-1])]}{'' if part.startswith('conv') else '_bn'}"


def batch_norm(x, found, name):
    mean, spread = found[f"{name}.running_mean"], found[f"{name}.running_var"]
    return F.batch_norm(x, mean, spread, found[f"{name}.weight"], found[f"{name}.bias"])


def resnet_maps(x, found, depths, *, bottleneck, names):
    """A ResNet written out by hand: the last feature maps."""
    x = F.conv2d(x, found[names(0, 0, "conv")], stride=2, padding=3)
    x = F.max_pool2d(F.relu(batch_norm(x, found, names(0, 0, "norm"))), 3, 2, 1)
    for stage, depth in enumerate(depths, start=1):
        for block in range(depth):
            stride = 2 if stage > 1 and block == 0 else 1
            y, layers = x, 3 if bottleneck else 2
            for i in range(layers):
                weight = found[names(stage, block, f"conv{i}") + ".weight"]
                # torchvision strides in the 3x3 convolution of a bottleneck, else in the first one.
                step = stride if i == (1 if bottleneck else 0) else 1
                y = F.conv2d(y, weight, stride=step, padding=weight.shape[-1] // 2)
                y = batch_norm(y, found, names(stage, block, f"norm{i}"))
                y = F.relu(y) if i < layers - 1 else y
            short = names(stage, block, "short") + ".weight"
            if short in found:
                x = F.conv2d(x, found[short], stride=stride)
                x = batch_norm(x, found, names(stage, block, "shortnorm"))
            x = F.relu(x + y)
    return x


def vgg_rows(depths, norm):
    """torchvision's numbers of (convolution, width) and of poolings, in order."""
    number, rows = 0, []
    for width, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        for _ in range(depth):
            rows.append(("conv", number, width))
            number += 3 if norm else 2
        rows.append(("pool", number, 0))
        number += 1
    return rows


def vgg_tensors(depths, norm):
    shapes, before = {"classifier.0.weight": (2, 2), "classifier.0.bias": (2,)}, 3
    for kind, number, width in vgg_rows(depths, norm):
        if kind == "conv":
            shapes[f"features.{number}.weight"] = (width, before, 3, 3)
            shapes[f"features.{number}.bias"] = (width,)
            if norm:
                shapes |= norm_shapes(f"features.{number + 1}", width)
            before = width
    return tensors(shapes)


def vgg_embedding(x, found, depths, norm):
    for kind, number, _ in vgg_rows(depths, norm):
        if kind == "pool":
            x = F.max_pool2d(x, 2)
            continue
        x = F.conv2d(
            x, found[f"features.{number}.weight"], found[f"features.{number}.bias"], padding=1
        )
        x = F.relu(batch_norm(x, found, f"features.{number + 1}") if norm else x)
    return x.mean(dim=(2, 3))


def converted(name, found, tmp_path, *, wrap=lambda found: found):
    file = tmp_path / "published.pth"
    torch.save(wrap(found), file)
    convert(name, file, tmp_path / "models" / name)
    return load_backbone(name, models=tmp_path / "models", device="cpu", precision="float32")


@pytest.mark.parametrize(
    ("name", "depths", "bottleneck"),
    [("resnet-18-places365", (2, 2, 2, 2), False), ("resnet-50", (3, 4, 6, 3), True)],
)
def test_a_resnet_file_computes_what_its_tensors_say(name, depths, bottleneck, tmp_path):
    layout = {"bottleneck": bottleneck, "names": torchvision_name}
    found = tensors(resnet_shapes(depths, **layout) | {"fc.weight": (5, 4), "fc.bias": (5,)})

    def as_published(found):  # Places365 saves what its data-parallel trainer held
        return {"state_dict": {f"module.{k}": v for k, v in found.items()}, "epoch": 90}

    backbone = converted(name, found, tmp_path, wrap=as_published)
    pixels = backbone.preprocess(pictures(2, size=(64, 64)))
    with torch.no_grad():
        expected = resnet_maps(pixels, found, depths, **layout).mean(dim=(2, 3))
    assert backbone.dim == (2048 if bottleneck else 512)
    torch.testing.assert_close(backbone.module(pixels), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["vgg-11", "vgg-13-bn", "vgg-16"])
def test_a_vgg_file_computes_what_its_tensors_say(name, tmp_path):
    depths, norm = CHECKPOINTS[name].shape["depths"], name.endswith("bn")
    found = vgg_tensors(depths, norm)
    backbone = converted(name, found, tmp_path)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = vgg_embedding(pixels, found, depths, norm)
        torch.testing.assert_close(backbone.module(pixels), expected, rtol=1e-4, atol=1e-4)
    assert backbone.dim == 512


def test_the_retrieval_network_pools_by_generalised_mean_and_sees_blue_first(tmp_path):
    depths = (3, 4, 6, 3)
    shapes = resnet_shapes(depths, bottleneck=True, names=pycls_name)
    found = tensors(shapes | {"head.fc.weight": (2048, 2048), "head.fc.bias": (2048,)})
    found["head.pool.p"] = torch.tensor([2.5])

    def as_published(found):
        rest = {"conv2ds.0.weight": torch.zeros(2)}
        return {"model_state": {f"encoder_q.{k}": v for k, v in found.items()} | rest}

    backbone = converted("cvnet-r50", found, tmp_path, wrap=as_published)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = resnet_maps(pixels.flip(1), found, depths, bottleneck=True, names=pycls_name)
        pooled = maps.clamp(min=1e-6).pow(2.5).mean(dim=(2, 3)).pow(1 / 2.5)
        expected = pooled @ found["head.fc.weight"].T + found["head.fc.bias"]
        torch.testing.assert_close(backbone.module(pixels), expected, rtol=1e-3, atol=1e-3)


def test_checkpoint_networks_can_be_entered_in_the_middle(tmp_path):
    from cssim.training.blocks import find_blocks

    backbone = converted("vgg-11", vgg_tensors((1, 1, 2, 2, 2), False), tmp_path)
    blocks = find_blocks(backbone.module.body)
    assert blocks is not None
    assert len(blocks.blocks) == 7  # eight layers, of which the first is the stem


def test_a_file_of_another_network_is_refused_by_the_name_of_a_tensor(tmp_path):
    file = tmp_path / "wrong.pth"
    torch.save(vgg_tensors((1, 1, 2, 2, 2), False), file)
    with pytest.raises(BadInput, match="is no vgg-13: it lacks"):
        convert("vgg-13", file, tmp_path / "vgg-13")
    with pytest.raises(BadInput, match="is no resnet-18"):
        convert("resnet-18", file, tmp_path / "resnet-18")
    assert [p.name for p in tmp_path.iterdir()] == ["wrong.pth"]


def test_nothing_in_a_file_is_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    file = tmp_path / "trap.pth"
    torch.save({"state_dict": Trap()}, file)
    with pytest.raises(BadInput, match="cannot be read as a file of tensors"):
        read_tensors(file)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_files_without_tensors_say_so(content, tmp_path):
    file = tmp_path / "odd.pth"
    if content is None:
        torch.save({"epoch": 3}, file)
    else:
        file.write_bytes(content)
    with pytest.raises(BadInput, match=re.escape(str(file))) as caught:
        read_tensors(file)
    assert "weights_only" not in str(caught.value)  # no advice to run what is in it


def test_missing_files_and_names_and_folders_in_the_way_are_told(tmp_path):
    with pytest.raises(NotFound, match="known are"):
        convert("vgg-19", tmp_path / "x.pth", tmp_path / "out")
    with pytest.raises(NotFound, match="backbones import vgg-16"):
        convert("vgg-16", tmp_path / "x.pth", tmp_path / "out")
    (tmp_path / "x.pth").write_bytes(b"")
    with pytest.raises(Conflict, match="remove it first"):
        convert("vgg-16", tmp_path / "x.pth", tmp_path)


def test_an_absent_checkpoint_backbone_says_how_to_get_it(tmp_path):
    reachable, reason = status("cvnet-r50", models=tmp_path)
    assert not reachable
    assert "backbones import cvnet-r50" in reason
    with pytest.raises(Unavailable, match="backbones import cvnet-r50"):
        load_backbone("cvnet-r50", models=tmp_path)
    assert resolve("cvnet-r50", models=tmp_path).folder is None


def test_every_checkpoint_is_a_row_of_the_registry():
    assert set(CHECKPOINTS) <= set(REGISTRY)
    without_hub = {n for n, row in REGISTRY.items() if not row.hub and row.family != "metric"}
    assert without_hub <= set(CHECKPOINTS)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_registry_counts_the_parameters_that_the_network_has(name):
    with torch.device("meta"):
        network = empty_network(CHECKPOINTS[name])
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert REGISTRY[name].parameters == pytest.approx(millions, abs=0.06)
