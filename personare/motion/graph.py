"""ONNX graphs, run by onnxruntime on one thread and without a word to anybody."""

import os


def open_graph(path):
    """An onnxruntime session for one graph: one thread, no spinning, on the processor.

    onnxruntime keeps a device id in the home folder and reports its use to its makers unless it is told not to
    before it is imported; personare tells it not to. A program that imported onnxruntime first has to do so itself.

    Args:
        path: of the .onnx file.

    Returns:
        onnxruntime.InferenceSession.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
