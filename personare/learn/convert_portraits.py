"""Released checkpoints of portrait networks -> bundles to run and to train on.

style_avatar's tex_encoder.pkl, face_unet.pkl and generator.pkl (its blender); Neural Voice Puppetry's renderer; the
generator of AudioDVP's neural face renderer. style_avatar's pictures are blue, green, red: its outermost weights are
turned round here, so that what comes out takes and gives red, green, blue and is otherwise the same.
"""

from dataclasses import fields

import torch
from torch import nn

from personare.errors import InputError
from personare.learn.nets import style_avatar as nets
from personare.learn.nets.dvp_renderer import dvp_renderer
from personare.learn.nets.neural_texture import WINDOW
from personare.learn.nets.puppetry_renderer import PuppetryRenderer
from personare.learn.nets.unet import FORMS, LEVELS, UNet
from personare.learn.portrait_dvp import RefinerOptions, RefinerTask
from personare.learn.portrait_export import portrait_bundle
from personare.learn.portrait_graphs import Texture
from personare.learn.portrait_puppetry import PuppetryRendererOptions, RendererTask
from personare.learn.portrait_style_avatar import (
    BlenderOptions,
    BlendTask,
    PersonTask,
    RenderTask,
    StyleAvatarOptions,
    enhancer_like,
)
from personare.learn.portrait_tasks import fill

_LICENCE = "that of the checkpoint"
_LOCAL = "model1_1.1.weight"
_PARTS = ("texture", "texture_decoder", "inpainter")
# How bare tensors are called; style_avatar's tuning leaves one.
NEURAL = "neural_texture"


def portrait_part(tensors):
    """What a dict of tensors is of: "encoder", "generator", "blender", "neural", "texture", "unet", "dvp", "puppetry".

    Returns:
        str; None where it is of no portrait network.
    """
    names = set(tensors)
    if names == {NEURAL} and tensors[NEURAL].ndim == 4:
        return "neural"
    if {"texture.data", "texture_decoder.model.model.0.weight", "inpainter.model.model.0.weight"} <= names:
        return "puppetry"
    if {"down1.conv.0.weight", "up5.conv.1.weight"} <= names:
        return "encoder"
    if {_LOCAL, "model.1.weight"} <= names:
        return "blender" if tensors[_LOCAL].shape[1] == 3 else "generator"
    if "data" in names and tensors["data"].ndim == 4:
        return "texture"
    if "model.model.0.weight" in names:
        return "dvp" if "model.model.1.model.2.running_mean" in names else "unet"
    return None


def convert_portrait(networks, folder, *, source):
    """Write a bundle of released weights.

    Args:
        networks: list of dicts of name -> tensor, of which portrait_part knows each.
        folder: where to.
        source: what the weights are of, for the card.

    Returns:
        store.Bundle.

    Raises:
        InputError: parts that do not belong together, or weights of other sizes.
    """
    kinds = [portrait_part(tensors) for tensors in networks]
    told = {"sources": [{"name": source, "licence": _LICENCE, "use": "weights"}], "licence": _LICENCE, "layout": "bfm"}
    if set(kinds) <= {"encoder", "generator", "blender", "neural"} and len(set(kinds)) == len(kinds):
        return _style_avatar(dict(zip(kinds, networks, strict=True)), folder, source, told)
    if kinds == ["dvp"]:
        task, network = refiner_of(networks[0], source)
        return portrait_bundle(folder, task, network, **told)
    if kinds == ["puppetry"] or sorted(kinds) == ["texture", "unet", "unet"]:
        task, network = puppetry_renderer_of(networks, source)
        return portrait_bundle(folder, task, network, **told)
    raise InputError("checkpoints", expected="style_avatar's tex_encoder.pkl and face_unet.pkl, and at most "
                     "generator.pkl; the three networks of NVP's renderer; or one _net_G.pth of AudioDVP",
                     got=", ".join(str(kind) for kind in kinds), remedy="give what belongs together")


def _style_avatar(parts, folder, source, told):
    """A bundle of some of style_avatar's networks."""
    parts = {name: _in_red_green_blue(name, tensors) for name, tensors in parts.items()}
    if set(parts) == {"blender"}:
        network = fill(enhancer_like(parts["blender"]), parts["blender"], source)
        return portrait_bundle(folder, BlendTask(BlenderOptions(**_sizes(network))),
                               nn.ModuleDict({"blender": network}), **told)
    missing = {"generator"} - set(parts) | ({"encoder"} if "neural" not in parts else set()) - set(parts)
    if missing:
        names = {"generator": "face_unet.pkl", "encoder": "tex_encoder.pkl"}
        raise InputError("checkpoints", expected=" and ".join(names[name] for name in sorted(missing)),
                         got=", ".join(parts), remedy="give all of them")
    networks = {"generator": fill(enhancer_like(parts["generator"]), parts["generator"], source)}
    sizes = _sizes(networks["generator"]) | {"features": parts["generator"][_LOCAL].shape[1]}
    if "encoder" in parts:
        first, last = parts["encoder"]["down1.conv.0.weight"], parts["encoder"]["up5.conv.1.weight"]
        sizes |= {"textures": first.shape[1] // 3, "encoder_width": len(first)}
        networks["encoder"] = fill(nets.TextureUNet(first.shape[1], len(last), width=len(first)), parts["encoder"],
                                   source)
    if "blender" in parts:
        networks["blender"] = fill(enhancer_like(parts["blender"]), parts["blender"], source)
    config = nets.StyleAvatarConfig(**sizes)
    if "neural" not in parts:
        own = {field.name: getattr(config, field.name) for field in fields(config)}
        return portrait_bundle(folder, RenderTask(StyleAvatarOptions(**own)), nn.ModuleDict(networks), **told)
    if "blender" not in parts:
        raise InputError("checkpoints", expected="generator.pkl, the blender, beside neural_texture.pkl",
                         got=", ".join(parts), remedy="give all that tuning left")
    task = PersonTask(PersonTask.options_type())
    task.config = config
    networks = {name: value for name, value in networks.items() if name != "encoder"}
    return portrait_bundle(folder, task, nn.ModuleDict(networks | {"texture": Texture(parts["neural"][NEURAL])}),
                           **told)


def _sizes(network):
    """Sizes of a LocalEnhancer by the names of options."""
    like = [name for name, module in network.named_modules() if name.endswith("conv_block")]
    convolutions = sum(isinstance(module, nn.Conv2d) for module in network.model)
    return {"width": network.model1_1[1].out_channels, "halvings": (convolutions - 1) // 2,
            "blocks": sum(name.startswith("model.") for name in like),
            "local_blocks": sum(name.startswith("model1_2.") for name in like)}


def _in_red_green_blue(kind, tensors):
    """Weights of a network of blue, green, red, for red, green, blue."""
    tensors = dict(tensors)
    if kind == "encoder":
        first = tensors["down1.conv.0.weight"]
        tensors["down1.conv.0.weight"] = first.unflatten(1, (-1, 3)).flip(2).flatten(1, 2).contiguous()
    if kind == "blender":
        for name in ("model.1.weight", _LOCAL):
            tensors[name] = tensors[name].flip(1).contiguous()
    if kind in ("generator", "blender"):
        last = max(int(name.split(".")[1]) for name in tensors if name.startswith("model1_2."))
        for name in (f"model1_2.{last}.weight", f"model1_2.{last}.bias"):
            tensors[name] = tensors[name].flip(0).contiguous()
    return tensors


def unet_like(tensors, source):
    """(UNet of the sizes of a dict of weights, levels, form).

    Raises:
        InputError: weights of no U-Net that is known.
    """
    first = tensors["model.model.0.weight"]
    outputs = len(tensors[max(name for name in tensors if name.startswith("model.model.3.") and name.endswith("bias"))])
    for levels in LEVELS:
        for form in FORMS:
            with torch.device("meta"):
                network = UNet(first.shape[1], outputs, levels=levels, form=form, width=len(first))
            shapes = {name: value.shape for name, value in network.state_dict().items()}
            if shapes == {name: value.shape for name, value in tensors.items()}:
                network = UNet(first.shape[1], outputs, levels=levels, form=form, width=len(first))
                return fill(network, tensors, source), levels, form
    raise InputError(source, expected="a U-Net of Neural Voice Puppetry's renderer", got=f"{len(tensors)} tensors",
                     remedy="give its weights as it saved them")


def puppetry_renderer_of(networks, source):
    """(RendererTask, ModuleDict) of Neural Voice Puppetry's renderer.

    Args:
        networks: list of one dict with prefixes, or of three: texture, decoder, inpainter, in any order.
        source: for errors.

    Raises:
        InputError: parts that do not fit together.
    """
    if len(networks) == 1:
        parts = {part: {name.removeprefix(f"{part}."): value for name, value in networks[0].items()
                        if name.startswith(f"{part}.")} for part in (*_PARTS, "netD")}
    else:
        parts = {"texture": next(tensors for tensors in networks if "data" in tensors)}
        unets = sorted((tensors for tensors in networks if "data" not in tensors),
                       key=lambda tensors: tensors["model.model.0.weight"].shape[1])
        parts |= {"inpainter": unets[0], "texture_decoder": unets[1]}
    texture = parts["texture"]
    kind = "audio" if "convNet.0.weight" in texture else "expression" if "fullNet.0.weight" in texture else "static"
    columns, window = _told(texture, kind)
    (decoder, levels, form), (inpainter, *same) = (unet_like(parts[name], source) for name in _PARTS[1:])
    features, seen = texture["data"].shape[1], parts["texture_decoder"]["model.model.0.weight"].shape[1]
    width = len(parts["inpainter"]["model.model.0.weight"])
    if same != [levels, form] or seen not in (features, features + 3):
        raise InputError(source, expected="a texture and two U-Nets of one kind",
                         got=f"{features} features, {seen} seen", remedy="give those of one training")
    options = PuppetryRendererOptions(
        texture=kind, features=features, texture_size=texture["data"].shape[2], columns=columns, window=window,
        levels=levels, form=form, width=width, decoder_sees_background=seen > features)
    renderer = PuppetryRenderer(options.config)
    fill(renderer.texture, texture, source)
    renderer.texture_decoder.load_state_dict(decoder.state_dict())
    renderer.inpainter.load_state_dict(inpainter.state_dict())
    if parts.get("netD"):
        fill(renderer.netD, parts["netD"], source)
    return RendererTask(options), nn.ModuleDict({"renderer": renderer})


def _told(texture, kind):
    """(columns, window) of what a texture is told; 0 and 16 for one that never changes."""
    if kind == "audio":
        halvings = sum(name.startswith("convNet.") and name.endswith("weight") for name in texture)
        return texture["convNet.0.weight"].shape[1], 2**halvings
    return (texture["fullNet.0.weight"].shape[1] if kind == "expression" else 0), WINDOW


def refiner_of(tensors, source):
    """(RefinerTask, ModuleDict) of AudioDVP's renderer."""
    first = tensors["model.model.0.weight"]
    levels = next((count for count in LEVELS if _is_refiner(tensors, count)), 0)
    if not levels:
        raise InputError(source, expected="the generator of AudioDVP's neural face renderer",
                         got=f"{len(tensors)} tensors", remedy="give its <epoch>_net_G.pth")
    network = fill(dvp_renderer(drawings=first.shape[1] // 3, width=len(first), levels=levels), tensors, source)
    options = RefinerOptions(drawings=first.shape[1] // 3, width=len(first), levels=levels)
    return RefinerTask(options), nn.ModuleDict({"renderer": network})


def _is_refiner(tensors, levels):
    first = tensors["model.model.0.weight"]
    with torch.device("meta"):
        network = dvp_renderer(drawings=first.shape[1] // 3, width=len(first), levels=levels)
    return {name: value.shape for name, value in network.state_dict().items()} == {
        name: value.shape for name, value in tensors.items()}
