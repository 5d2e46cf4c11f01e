"""VTube Studio: frames into its public WebSocket API as tracking parameters, for Live2D avatars.

The program asks its user once whether personare may connect; the answer is a token that is kept in personare's home.
Its own parameters (mouth, eyes, brows, head) move any avatar that face tracking moves; 52 parameters named as ARKit's
shapes are created beside them, for avatars made for those.

Source: VTube Studio API 1.0, public description at github.com/DenchiSoft/VTubeStudio.
"""

import json
import threading
import time
from urllib.parse import urlsplit

import numpy as np

from personare.assets import user_path
from personare.errors import InputError, MissingExtra, OutputError
from personare.motion.mouth import REST_CM, measures_cm
from personare.motion.retarget import convert
from personare.spaces import ARKIT_52
from personare.store import atomic_path, ensure_folder

PLUGIN, DEVELOPER, TOKEN = "personare", "personare", "vtube-studio-token"
PORT = 8001
# Lip gap at which the mouth of an avatar is wholly open, and degrees at which a head is turned as far as it goes.
_OPEN_CM, _MOST_DEGREES = 1.6, 30.0
_AGAIN_S, _ANSWER_S, _ALLOW_S = 0.5, 5.0, 300.0
_LARGEST_MESSAGE = 1 << 20


class VTubeStudio:
    """A sink that keeps one connection, and opens it again where it is lost; frames never wait for it.

    Args:
        text: vts://HOST[:8001].

    Attributes:
        state: "waiting" for the program, "asking" its user, "sending".
        sent: frames that were taken.
    """

    def __init__(self, text):
        try:
            from websockets.sync import client
        except ImportError as error:
            raise MissingExtra("VTube Studio", package="websockets", extra="serve") from error
        parts = urlsplit(text)
        try:
            self._address = f"ws://{parts.hostname or '127.0.0.1'}:{parts.port or PORT}"
        except ValueError as error:
            raise InputError(text, expected="a port in 1..65535", got=str(error), remedy="check the address") from error
        self._client, self._frame, self._fresh, self._stop = client, None, threading.Event(), threading.Event()
        self.state, self.sent, self._number = "waiting", 0, 0
        self._thread = threading.Thread(target=self._keep, name="personare-vts", daemon=True)
        self._thread.start()

    def send(self, index, motion):
        """Hand over one frame; one that could not be sent in time gives way to the next."""
        self._frame = motion
        self._fresh.set()

    def close(self):
        """Close the connection."""
        self._stop.set()
        self._fresh.set()
        self._thread.join(2)

    def _keep(self):
        from websockets.exceptions import WebSocketException

        while not self._stop.is_set():
            try:
                with self._client.connect(self._address, open_timeout=_ANSWER_S, close_timeout=1,
                                          max_size=_LARGEST_MESSAGE, compression=None) as connection:
                    self._log_in(connection)
                    self._create(connection)
                    self.state = "sending"
                    self._pass_on(connection)
            except (OSError, TimeoutError, WebSocketException, _RefusedError):
                pass
            self.state = "waiting"
            self._stop.wait(_AGAIN_S)

    def _log_in(self, connection):
        """Prove that this program may connect, with the token of last time or a new one."""
        token = _kept_token()
        if token and self._authenticated(connection, token):
            return
        self.state = "asking"
        who = {"pluginName": PLUGIN, "pluginDeveloper": DEVELOPER}
        answer = self._ask(connection, "AuthenticationTokenRequest", who, seconds=_ALLOW_S)
        token = answer.get("authenticationToken")
        if not isinstance(token, str) or not self._authenticated(connection, token):
            raise _RefusedError
        _keep_token(token)

    def _authenticated(self, connection, token):
        answer = self._ask(connection, "AuthenticationRequest",
                           {"pluginName": PLUGIN, "pluginDeveloper": DEVELOPER, "authenticationToken": token})
        return answer.get("authenticated") is True

    def _create(self, connection):
        """Parameters of our own; an avatar that does not use them is not touched by them."""
        for name in ARKIT_52.columns:
            self._ask(connection, "ParameterCreationRequest",
                      {"parameterName": parameter_of(name), "explanation": f"ARKit's {name}, by personare", "min": 0,
                       "max": 1, "defaultValue": 0})

    def _pass_on(self, connection):
        while not self._stop.is_set():
            # What is not refreshed within a second goes back to its default, so the last frame is sent again.
            self._fresh.wait(0.5)
            self._fresh.clear()
            motion = self._frame
            if motion is None or self._stop.is_set():
                continue
            values = [{"id": name, "value": value} for name, value in parameters_of(motion).items()]
            self._ask(connection, "InjectParameterDataRequest",
                      {"faceFound": True, "mode": "set", "parameterValues": values})
            self.sent += 1

    def _ask(self, connection, kind, data, *, seconds=_ANSWER_S):
        """The data of the answer to a request; {} where the program answers with an error of its own."""
        self._number += 1
        number = f"personare-{self._number}"
        connection.send(json.dumps({"apiName": "VTubeStudioPublicAPI", "apiVersion": "1.0", "requestID": number,
                                    "messageType": kind, "data": data}))
        end = time.monotonic() + seconds
        while not self._stop.is_set():
            try:
                text = connection.recv(timeout=min(0.2, max(end - time.monotonic(), 0.001)))
            except TimeoutError:
                if time.monotonic() > end:
                    raise
                continue
            try:
                answer = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(answer, dict) and answer.get("requestID") == number:
                found = answer.get("data") if answer.get("messageType") != "APIError" else None
                return found if isinstance(found, dict) else {}
        raise _RefusedError


def parameter_of(column):
    """Name of the parameter for a column of ARKit-52: jawOpen is JawOpen."""
    return column[0].upper() + column[1:]


def parameters_of(motion):
    """Tracking parameters of a frame.

    Args:
        motion: Motion of length 1.

    Returns:
        dict of name -> float. Angles in degrees within +-30, their signs those of Live2D: X to the right of the
        screen, Y up, Z tilted to the right of the screen; gaze in -1..1 likewise; the rest 0..1.
    """
    if motion.space != ARKIT_52:
        motion, _ = convert(motion, ARKIT_52)
    value = dict(zip(ARKIT_52.columns, np.clip(motion.values[0], 0, 1).tolist(), strict=True))

    def both(name):
        return (value[f"{name}Left"] + value[f"{name}Right"]) / 2

    turn = np.eye(3) if motion.head_pose is None else motion.head_pose[0, :3, :3].astype(np.float64)
    angles = np.degrees([np.arctan2(turn[0, 2], turn[2, 2]), np.arcsin(np.clip(turn[1, 2], -1, 1)),
                         np.arctan2(turn[0, 1], turn[1, 1])])
    angles = np.clip(angles, -_MOST_DEGREES, _MOST_DEGREES)
    gap = max(float(measures_cm(motion)[0, 0]) - REST_CM[0], 0.0)
    brow = {side: 0.5 + 0.5 * (max(value["browInnerUp"], value[f"browOuterUp{side}"]) - value[f"browDown{side}"])
            for side in ("Left", "Right")}
    own = {
        "FaceAngleX": angles[0], "FaceAngleY": angles[1], "FaceAngleZ": angles[2],
        "MouthOpen": min(gap / _OPEN_CM, 1.0), "MouthSmile": 0.5 + 0.5 * (both("mouthSmile") - both("mouthFrown")),
        "MouthX": value["mouthLeft"] - value["mouthRight"], "TongueOut": value["tongueOut"],
        "CheekPuff": value["cheekPuff"], "EyeOpenLeft": 1 - value["eyeBlinkLeft"],
        "EyeOpenRight": 1 - value["eyeBlinkRight"],
        "EyeLeftX": value["eyeLookOutLeft"] - value["eyeLookInLeft"],
        "EyeRightX": value["eyeLookInRight"] - value["eyeLookOutRight"],
        "EyeLeftY": value["eyeLookUpLeft"] - value["eyeLookDownLeft"],
        "EyeRightY": value["eyeLookUpRight"] - value["eyeLookDownRight"],
        "Brows": (brow["Left"] + brow["Right"]) / 2, "BrowLeftY": brow["Left"], "BrowRightY": brow["Right"]}
    # tongueOut and cheekPuff are parameters of the program under the same names.
    created = {parameter_of(name): number for name, number in value.items() if parameter_of(name) not in own}
    return {name: round(float(number), 4) for name, number in (own | created).items()}


class _RefusedError(Exception):
    """The program's user said no, or the connection is being closed."""


def _kept_token():
    try:
        return user_path("live", TOKEN).read_text(encoding="utf8").strip()[:512]
    except (OSError, UnicodeDecodeError):
        return ""


def _keep_token(token):
    """Keep a token for next time; where that fails the user is asked again then."""
    path = user_path("live", TOKEN)
    try:
        ensure_folder(path.parent)
        with atomic_path(path) as temporary:
            temporary.write_text(token, encoding="utf8")
        path.chmod(0o600)
    except (OSError, OutputError):
        pass
