"""Each way to train a portrait: the loss falls on a small person, a stopped run goes on, the bundle says the same."""

from dataclasses import fields, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra personare[learn]")
pytest.importorskip("onnx", reason="needs the extra personare[learn]")

from personare.errors import InputError  # noqa: E402
from personare.learn.nets.style_avatar import TextureUNet  # noqa: E402
from personare.learn.portrait_data import PortraitData, write_portrait_clip  # noqa: E402
from personare.learn.portrait_losses import VGG16, VGG19, VGGFeatures  # noqa: E402
from personare.learn.portrait_tasks import TASKS, flat, loaded, task_class  # noqa: E402
from personare.learn.portrait_training import PortraitTraining, Run, learn_portrait  # noqa: E402
from personare.portraits.renderers import SceneFrame, open_renderer  # noqa: E402
from personare.portraits.style_avatar import StyleAvatar, as_bytes  # noqa: E402
from personare.portraits.surfaces import looked_up  # noqa: E402

ENHANCER = {"width": 4, "blocks": 1, "local_blocks": 1, "halvings": 1}
SMALL = {
    "style-avatar": ENHANCER | {"textures": 1, "features": 4, "encoder_width": 4, "judge_width": 4, "frames": 2},
    "style-avatar-blender": ENHANCER,
    "style-avatar-nvp": {"features": 4, "size": 32, "width": 4},
    "puppetry-renderer": {"texture": "expression", "columns": 4, "features": 4, "texture_size": 32, "levels": 3,
                          "width": 12, "erosion": 0.1, "crop": 32},
    "dvp-renderer": {"drawings": 3, "width": 4, "levels": 5, "judge_width": 4},
}
QUICK = PortraitTraining(steps=40, batch_size=1, learning_rate=2e-3, save_every=20)
# Two networks in a row that start from next to nothing; and one whose judge may not run away.
SLOW = {"puppetry-renderer": PortraitTraining(steps=160, batch_size=1, learning_rate=4e-3, save_every=80),
        "style-avatar-nvp": PortraitTraining(steps=100, batch_size=1, learning_rate=3e-3),
        "style-avatar": PortraitTraining(steps=60, batch_size=1, learning_rate=1e-3)}


@pytest.fixture(scope="module")
def data(person, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for i, name in enumerate(("anna", "berta")):
        write_portrait_clip(folder, person(name, frames=8, size=64, seed=i, resolution=64))
    return folder


@pytest.fixture(scope="module")
def learned(data, tmp_path_factory):
    """method -> (folder of its bundle, PortraitLearned), each trained once."""
    home, found = tmp_path_factory.mktemp("bundles"), {}

    def learn(method):
        if method not in found:
            options = SMALL.get(method)
            if method == "style-avatar-person":
                options = {"start": str(learn("style-avatar")[0]), "blender_width": 2}
            found[method] = home / method, learn_portrait(method, data, home / method, options=options,
                                                          training=SLOW.get(method, QUICK))
        return found[method]

    return learn


@pytest.mark.parametrize("method", TASKS)
def test_it_learns(learned, method):
    found = learned(method)[1]
    assert len(found.errors) == len(found.losses) > 30
    assert np.mean(found.errors[-10:]) < 0.85 * np.mean(found.errors[:5])
    if method not in ("style-avatar", "dvp-renderer"):
        # Where no judge has a say the loss itself falls.
        assert np.mean(found.losses[-10:]) < 0.85 * np.mean(found.losses[:5])


def test_a_stopped_run_goes_on_as_if_nothing_had_been(data, tmp_path):
    def run():
        torch.manual_seed(0)
        options = task_class("style-avatar").options_type(**SMALL["style-avatar"])
        return Run(task_class("style-avatar")(options), PortraitData(data), PortraitTraining(6, 1, save_every=3))

    def stop(step, steps):
        if step == 4:
            raise KeyboardInterrupt

    whole, first, second = run(), run(), run()
    whole.go()
    with pytest.raises(KeyboardInterrupt):
        first.go(tmp_path / "last.pt", progress=stop)
    second.load(tmp_path / "last.pt")
    assert second.step == 3
    second.go()
    assert second.losses == whole.losses
    for name, value in whole.networks.state_dict().items():
        torch.testing.assert_close(second.networks.state_dict()[name], value, atol=0, rtol=0)


def test_a_run_with_other_settings_is_not_gone_on_with(data, tmp_path):
    few = PortraitTraining(2, 1)
    learn_portrait("style-avatar-nvp", data, tmp_path / "a", options=SMALL["style-avatar-nvp"], training=few)
    other = SMALL["style-avatar-nvp"] | {"size": 16}
    with pytest.raises(InputError, match="or --fresh"):
        learn_portrait("style-avatar-nvp", data, tmp_path / "a", options=other, training=few)
    learn_portrait("style-avatar-nvp", data, tmp_path / "a", options=other, training=few, fresh=True)
    assert np.load(tmp_path / "a" / "neural.npy").shape == (1, 4, 16, 16)


@pytest.mark.parametrize("method", sorted(SMALL))
def test_the_card_has_all_settings_those_left_as_they_are_too(learned, method):
    own = learned(method)[1].bundle.card.config["own"]
    names = {field.name for field in fields(task_class(method).options_type)} - {"vgg"}
    assert set(own) == names
    assert all(own[name] == value for name, value in SMALL[method].items())


def test_vgg_s_weights_make_it_count_what_a_network_sees(data, tmp_path):
    from safetensors.torch import save_file

    for method, layout in (("style-avatar-nvp", VGG19), ("puppetry-renderer", VGG16)):
        torch.manual_seed(0)
        # Drawn weights see little of a picture; trained ones see more.
        weights = {name: 4 * value for name, value in VGGFeatures(layout, width=4).state_dict().items()}
        save_file(weights, tmp_path / "vgg.safetensors")
        losses = []
        for more in ({}, {"vgg": str(tmp_path / "vgg.safetensors")}):
            task = task_class(method)(task_class(method).options_type(**SMALL[method] | more))
            torch.manual_seed(0)
            run = Run(task, PortraitData(data), PortraitTraining(1, 1))
            run.go()
            losses += run.losses
        assert losses[1] > losses[0] + 1e-4
    with pytest.raises(InputError, match="weights of torchvision's VGG-19"):
        task_class("style-avatar-nvp")(task_class("style-avatar-nvp").options_type(
            vgg=str(tmp_path / "vgg.safetensors")))


def test_what_lacks_is_told(data, tmp_path, person):
    from dataclasses import replace

    write_portrait_clip(tmp_path / "bare", replace(person(frames=2, size=32), drawn=None))
    with pytest.raises(InputError, match="expected an array drawn, got none"):
        learn_portrait("dvp-renderer", tmp_path / "bare", tmp_path / "x", options=SMALL["dvp-renderer"], training=QUICK)
    with pytest.raises(InputError, match="option start=FOLDER"):
        learn_portrait("style-avatar-person", data, tmp_path / "y", training=QUICK)
    learn_portrait("style-avatar-nvp", data, tmp_path / "nvp", options=SMALL["style-avatar-nvp"],
                   training=PortraitTraining(1, 1))
    with pytest.raises(InputError, match="a network called encoder, got one of style-avatar-nvp with blender"):
        learn_portrait("style-avatar-person", data, tmp_path / "y", options={"start": str(tmp_path / "nvp")})
    with pytest.raises(InputError, match="device: expected cpu, or cuda on a machine that has it, got xyz"):
        learn_portrait("style-avatar-nvp", data, tmp_path / "z", options=SMALL["style-avatar-nvp"],
                       training=PortraitTraining(1, 1, device="xyz"))
    with pytest.raises(InputError, match="no folder"):
        PortraitData(tmp_path / "nowhere")


def batch_of(method, data, folder):
    """(task, networks with a bundle's weights, a batch of frames)."""
    networks, config = loaded(folder)
    task = task_class(method)(task_class(method).options_type(**config["own"]))
    made = task.networks(PortraitData(data)).eval()
    for name, tensors in networks.items():
        made[name].load_state_dict(tensors)
    clip = PortraitData(data).clip("anna")
    item = task.item(clip, np.random.default_rng(0))
    return task, made, {name: torch.as_tensor(np.asarray(value)[None]) for name, value in item.items()}


def test_the_renderer_s_bundle_draws_what_the_network_draws(learned, data):
    folder, _ = learned("style-avatar")
    task, networks, batch = batch_of("style-avatar", data, folder)
    with torch.no_grad():
        expected = task.make(networks, batch)["face"].permute(0, 2, 3, 1)
    avatar, clip = StyleAvatar(folder), PortraitData(data).clip("anna")
    neural = avatar.neural_texture(clip.texture)
    uv, outside = (flat(batch[name]).numpy() for name in ("uv", "background"))
    found = avatar.faces(neural, np.moveaxis(uv, 1, -1), outside[:, 0] > 0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # Without a blender a face is cut out of what is drawn.
    frame = next(iter(avatar.frames(clip.uv[:1], clip.background[:1], clip.pictures[:1], texture=clip.texture)))
    assert (frame == clip.pictures[0])[clip.background[0]].all()
    with pytest.raises(InputError, match="expected a picture of the face's surface, got none"):
        avatar.neural_texture()


@pytest.mark.parametrize("method", ["style-avatar-person", "style-avatar-nvp"])
def test_a_person_s_bundle_draws_whole_pictures_near_the_truth(learned, data, method):
    avatar, clip = StyleAvatar(learned(method)[0]), PortraitData(data).clip("anna")
    frames = np.stack(list(avatar.frames(clip.uv, clip.background, clip.pictures)))
    assert frames.shape == clip.pictures.shape
    assert frames.dtype == np.uint8
    error = np.abs(frames.astype(float) - clip.pictures).mean()
    assert error < 0.6 * np.abs(clip.pictures - clip.pictures.mean(axis=(0, 1, 2))).mean()


@pytest.mark.parametrize("method", ["puppetry-renderer", "dvp-renderer", "style-avatar-blender"])
def test_other_bundles_give_what_the_network_gives(learned, data, method):
    import onnxruntime

    folder, _ = learned(method)
    task, networks, batch = batch_of(method, data, folder)
    with torch.no_grad():
        made = task.make(networks, batch)
    expected = made["rendered"].picture if "rendered" in made else made["picture"]
    name = "blend.onnx" if method == "style-avatar-blender" else "draw.onnx"
    session = onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"])
    known = batch | {"face": batch.get("drawn")}
    found = session.run(None, {taken.name: known[taken.name].numpy() for taken in session.get_inputs()})[0]
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("method", ["puppetry-renderer", "dvp-renderer"])
def test_scenes_are_drawn_as_in_training(learned, data, method):
    folder, _ = learned(method)
    networks, config = loaded(folder)
    task = task_class(method)(task_class(method).options_type(**config["own"] | (
        {"crop": 0} if method == "puppetry-renderer" else {"flip": False})))
    made = task.networks(PortraitData(data)).eval()
    made["renderer"].load_state_dict(networks["renderer"])
    clip = PortraitData(data).clip("anna")
    # What is drawn for the refiner is the texture looked up; here it is what the clip says.
    texture = clip.texture[0]
    drawn = np.where(clip.background[..., None], 0, looked_up(texture, clip.uv.astype(np.float32))).astype(np.uint8)
    clip = replace(clip, drawn=drawn)
    scenes = [SceneFrame(clip.uv[i].astype(np.float32), clip.background[i], clip.pictures[i], clip.expressions[i])
              for i in range(len(clip))]
    found = list(open_renderer(folder).pictures(iter(scenes), texture))
    assert len(found) == len(clip)
    for i in (0, 3, len(clip) - 1):
        item = task.item(clip, _Fixed(i))
        with torch.no_grad():
            expected, _ = task.compared(task.make(made, {
                name: torch.as_tensor(np.asarray(value)[None]) for name, value in item.items()}), item)
        expected = np.clip(np.round(127.5 * (expected[0].permute(1, 2, 0).numpy() + 1)), 0, 255)
        shown = ~clip.background[i] if method == "dvp-renderer" else np.ones_like(clip.background[i])
        assert np.abs(found[i].astype(float) - expected)[shown].max() <= 1


class _Fixed:
    """Chance that always draws one frame."""

    def __init__(self, frame):
        self.frame = frame

    def integers(self, *_):
        """The frame."""
        return self.frame

    def random(self):
        """Never below a half."""
        return 1.0


def test_colours_come_back_as_they_went_in():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    assert (as_bytes(values.astype(np.float32) / 128 - 1) == values).all()
    assert TextureUNet(3, 3, width=1, pooled=False)(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 64, 64)
