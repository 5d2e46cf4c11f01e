"""personare: speech in, a moving face out.

    audio  = personare.load("hello.wav")                 # any rate, channels, container
    motion = personare.animate(audio)                    # ARKit-52 curves + head pose, built-in model
    personare.save(motion, "hello.mp4", audio=audio)     # .mp4 .glb .csv .json .npz by suffix
"""

from importlib import import_module

__version__ = "0.1.0"

# Public names and where they live; each is imported on first use, so `import personare` stays instant.
_HOMES = {
    "personare.api": ("load", "open_stream", "animate", "compare", "convert_face", "diversity", "evaluate", "open_face",
                      "read_motion", "render", "save", "save_face", "sheet"),
    "personare.filmed": ("track", "save_track"),
    "personare.metrics.sync": ("measure_sync",),
    "personare.metrics.videos": ("compare_videos",),
    "personare.motion.emotion": ("Emotion",),
    "personare.motion.layers": ("Layers", "STILL"),
    "personare.motion.strengths": ("Strengths",),
    "personare.transfer": ("convert", "rig"),
    "personare.types": ("Audio", "AudioStream", "Face", "Features", "Material", "Mesh", "Motion", "Style",
                        "Portrait", "Surface", "Take", "Track"),
    "personare.spaces": ("Space", "ARKIT_52"),
    "personare.errors": ("PersonareError", "InputError", "AssetError", "OutputError", "MissingExtra"),
}
_HOME_OF = {name: module for module, owned in _HOMES.items() for name in owned}
__all__ = [*_HOME_OF, "__version__"]


def __getattr__(name):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'personare' has no attribute '{name}'")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
