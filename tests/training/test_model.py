"""The contract of every adapter on every family; peft stands behind it for LoRA."""

import numpy as np
import pytest
import torch

from cssim.embeddings.backbones import load_backbone
from cssim.errors import BadInput
from cssim.training.config import TrainConfig
from cssim.training.data import Dataset
from cssim.training.model import CSModel, RankingBlock
from cssim.training.objective import batch_loss
from tests.embeddings.small_models import FAMILIES, pictures, save_small
from tests.training.worlds import IMAGES, backbone, load, triples

CASES = [(family, adapter) for family in FAMILIES for adapter in ("lora", "head")] + [
    ("vit", "full"),
    ("resnet", "full"),
]


def config(adapter: str, **settings) -> TrainConfig:
    return TrainConfig.from_dict({"adapter": adapter, "last_blocks": 2, "rank": 2, **settings})


def disturb(model: CSModel) -> None:
    """Move everything that learns, as training would."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))


@pytest.mark.parametrize(("family", "adapter"), CASES)
def test_the_contract_of_adapters(family, adapter, tmp_path):
    source = backbone(tmp_path, family)
    images = pictures(4, seed=9)
    frozen = source.embed(images)
    pixels = source.preprocess(images)
    model = CSModel(source, config(adapter))

    with torch.no_grad():  # the same output at the start, by way of the cached front as well
        np.testing.assert_allclose(model(pixels).numpy(), frozen, atol=1e-5)

    model.train()  # only adapter and ranking block get gradients
    embeddings = model(pixels)
    model.ranking(embeddings[:1], embeddings[1:2], embeddings[2:3]).sum().backward()
    learning = {name for name, p in model.named_parameters() if p.grad is not None}
    assert learning <= {n for n, p in model.named_parameters() if p.requires_grad}
    if adapter != "full":
        assert all("lora_" in n or n.startswith(("ranking.", "head.")) for n in learning)
    assert any(name.startswith("ranking.") for name in learning)
    assert any(not name.startswith("ranking.") for name in learning)

    disturb(model)
    model.train(False)
    with torch.no_grad():
        changed = model(pixels).numpy()
        assert not np.allclose(changed, frozen, atol=1e-3)
        other = CSModel(source, config(adapter, seed=7))  # save then load gives the same output
        other.load_trained_state(model.trained_state())
        np.testing.assert_array_equal(other(pixels).numpy(), changed)
        if adapter == "lora":
            model.merge()
            np.testing.assert_allclose(model(pixels).numpy(), changed, atol=1e-4, rtol=1e-4)
    np.testing.assert_array_equal(source.embed(images), frozen)  # the backbone is untouched


@pytest.mark.parametrize("family", FAMILIES)
def test_entering_at_the_last_blocks_equals_the_whole_network(family, tmp_path):
    source = backbone(tmp_path, family)
    pixels = source.preprocess(pictures(3))
    part, whole = (CSModel(source, config("lora", last_blocks=k)) for k in (1, None))
    assert part.split.frozen
    assert not whole.split.frozen
    disturb(part)
    with torch.no_grad():
        entered = part.enter(pixels)
        assert entered.shape != pixels.shape
        direct = part.network(pixels)
        np.testing.assert_allclose(part.leave(entered).numpy(), direct.numpy(), atol=1e-5)
        assert torch.equal(whole.enter(pixels), pixels)


def test_lora_leaves_the_front_and_depthwise_convolutions_alone(tmp_path):
    model = CSModel(backbone(tmp_path, "mobilenet_v2"), config("lora", last_blocks=2))
    adapted = {n.split(".lora_")[0] for n, _ in model.adapter_parameters()}
    assert any("layer.15" in name for name in adapted)
    assert any("conv_1x1" in name for name in adapted)
    assert not any("layer.13" in name or "conv_stem" in name for name in adapted)
    assert not any("conv_3x3" in name for name in adapted)


def test_targets_can_be_chosen_and_unknown_ones_are_refused(tmp_path):
    source = backbone(tmp_path)
    model = CSModel(source, config("lora", targets=("k_proj", "fc1")))
    names = [name for name, _ in model.adapter_parameters()]
    assert any(".k_proj." in name for name in names)
    assert not any(".q_proj." in name for name in names)
    with pytest.raises(BadInput, match="wheels"):
        CSModel(source, config("lora", targets=("wheels",)))


def test_batch_norm_stays_in_eval_mode_while_training(tmp_path):
    source = backbone(tmp_path, "resnet")
    model = CSModel(source, config("full", last_blocks=None))
    before = {n: b.clone() for n, b in model.named_buffers()}
    model.train()(source.preprocess(pictures(4))).sum().backward()
    assert not any(m.training for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert all(torch.equal(before[name], b) for name, b in model.named_buffers())


def test_dropout_of_lora_acts_only_in_training(tmp_path):
    source = backbone(tmp_path)
    model = CSModel(source, config("lora", dropout=0.5))
    disturb(model)
    pixels = source.preprocess(pictures(2))
    with torch.no_grad():
        assert torch.equal(model(pixels), model(pixels))
        model.train()
        assert not torch.equal(model(pixels), model(pixels))


def test_swapping_the_candidates_turns_the_ranking_block_exactly():
    block = RankingBlock(6)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_()
    r, a, b = torch.randn(3, 20, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(r, a, b), -block(r, b, a))


def test_the_untrained_ranking_block_ranks_as_the_distance_does():
    block = RankingBlock(5)
    r, a, b = torch.randn(3, 9, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    cosine = torch.nn.functional.cosine_similarity
    scale = float(block.log_scale.detach().exp())
    expected = 2 * scale * (cosine(r, a) - cosine(r, b))
    torch.testing.assert_close(block(r, a, b).detach(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["vit", "mobilenet_v2"])
def test_encoding_distinct_images_once_equals_three_passes_per_triple(family, tmp_path):
    """Loss and gradients of a batch against the obvious way: R, A and B anew for each triple."""
    source = backbone(tmp_path, family)
    settings = config("lora", order_weight=0.7)
    model = CSModel(source, settings)
    disturb(model)
    given = triples(5)
    data = Dataset(given, given.images, 0.2, 0.2, mean_votes=1.5)
    batch = data.batch(np.arange(len(given)))

    def pixels(ids):
        return source.preprocess([IMAGES[i - 1] for i in ids])

    fast = batch_loss(model, model(pixels(given.images[batch.images.numpy()])), batch, settings)
    fast.backward()
    gradients = {n: p.grad.clone() for n, p in model.adapter_parameters() if p.grad is not None}
    model.zero_grad()
    slow = torch.zeros(())
    for i in range(len(given)):
        r, a, b = (model(pixels([int(x[i])])) for x in (given.reference, given.a, given.b))
        one = data.batch(np.array([i]))
        rows = torch.cat([r, a, b])
        plain = type(one)(
            images=torch.arange(3),
            reference=torch.tensor([0]),
            a=torch.tensor([1]),
            b=torch.tensor([2]),
            share_a=one.share_a,
            weight=one.weight,
            margin=one.margin,
        )
        slow = slow + batch_loss(model, rows, plain, settings) / len(given)
    slow.backward()
    assert float(fast.detach()) == pytest.approx(float(slow.detach()), abs=1e-5)
    assert gradients
    for name, parameter in model.adapter_parameters():
        if name in gradients:
            torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-5, rtol=1e-3)


def test_a_state_of_another_model_is_refused(tmp_path):
    source = backbone(tmp_path)
    small, large = CSModel(source, config("lora")), CSModel(source, config("lora", rank=3))
    with pytest.raises(BadInput, match="does not fit"):
        small.load_trained_state(large.trained_state())
    with pytest.raises(BadInput, match="does not fit"):
        small.load_trained_state({})


# torch's compiler itself looks at what it warns of.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("last", [1, None])
def test_compiled_blocks_compute_and_learn_the_same(last, tmp_path):
    source = backbone(tmp_path)
    pixels = source.preprocess([load(1), load(2), load(3)])
    results = []
    for backend in ("", "aot_eager"):
        model = CSModel(source, config("lora", last_blocks=last, compile=backend))
        model.train()
        out = model(pixels)
        out.square().sum().backward()
        gradients = [p.grad for _, p in model.adapter_parameters()]
        results.append([out.detach(), *(g for g in gradients if g is not None)])
    assert len(results[0]) == len(results[1]) > 2
    for plain, compiled in zip(*results, strict=True):
        torch.testing.assert_close(plain, compiled, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_compiled_says_so(tmp_path):
    with pytest.raises(BadInput, match="compiled"):
        CSModel(backbone(tmp_path), config("head", compile="inductor"))


def test_all_weights_learn_in_float32_while_products_are_bfloat16(tmp_path):
    folder = save_small("vit", tmp_path)
    half = load_backbone(str(folder), device="cpu", precision="bfloat16")
    full = load_backbone(str(folder), device="cpu", precision="float32")
    mixed, plain = (CSModel(source, config("full", last_blocks=1)) for source in (half, full))
    assert mixed.mixed
    assert not plain.mixed
    pixels = full.preprocess([load(1), load(2)])
    out = mixed(pixels)
    out.square().sum().backward()
    assert all(p.dtype == torch.float32 for p in mixed.network.parameters())
    assert any(p.grad is not None for _, p in mixed.adapter_parameters())
    exact = plain(pixels)
    assert not torch.equal(out, exact)
    torch.testing.assert_close(out, exact, rtol=0.05, atol=0.05)
