"""Weights of TensorFlow: all layouts give the same arrays; damaged and hostile files give one error."""

import graphs
import numpy as np
import pytest

from personare.errors import InputError
from personare.files.tensorflow import Variables


@pytest.fixture
def arrays(rng):
    return {name: rng.normal(size=shape).astype(np.float32)
            for name, shape in (("layer_1/weights", (5, 3)), ("layer_1/bias", (3,)), ("layer_2/weights", (2, 2, 2)))}


LAYOUTS = ("frozen", "mapped", "checkpoint", "compressed")


def written(folder, arrays, layout):
    if layout in ("checkpoint", "compressed"):
        index, data = graphs.checkpoint(arrays, snappy=layout == "compressed")
        (folder / "best.index").write_bytes(index)
        (folder / "best.data-00000-of-00001").write_bytes(data)
        return folder / "best.index"
    path = folder / ("graph.pb" if layout == "frozen" else "graph.pbmm")
    path.write_bytes(getattr(graphs, layout)(arrays))
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_in_a_file_comes_out(tmp_path, arrays, layout):
    found = Variables(written(tmp_path, arrays, layout))
    assert found.shapes == {name: array.shape for name, array in arrays.items()}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.array(name), array)
    with pytest.raises(InputError, match="expected a tensor named other"):
        found.array("other")


def test_a_checkpoint_has_three_names(tmp_path, arrays):
    written(tmp_path, arrays, "checkpoint")
    for path in (tmp_path, tmp_path / "best", tmp_path / "best.index"):
        np.testing.assert_array_equal(Variables(path).array("layer_1/bias"), arrays["layer_1/bias"])
    (tmp_path / "best.data-00000-of-00001").unlink()
    with pytest.raises(InputError, match="No such file"):
        Variables(tmp_path)


def test_repeated_numbers_and_promises(tmp_path):
    def constant(shape, values):
        tensor = graphs.field(1, 1) + graphs.field(2, b"".join(graphs.field(2, graphs.field(1, n)) for n in shape))
        tensor += graphs.field(5, np.asarray(values, "<f4").tobytes())
        return graphs.field(1, graphs.field(1, "a") + graphs.field(2, "Const")
                            + graphs.attribute("value", graphs.field(8, tensor)))

    (tmp_path / "a.pb").write_bytes(constant((2, 3), [1, 2]))
    np.testing.assert_array_equal(Variables(tmp_path / "a.pb").array("a"), [[1, 2, 2], [2, 2, 2]])
    for shape in ((2**30, 2**20), (2**25,)):
        (tmp_path / "a.pb").write_bytes(constant(shape, [1.0]))
        with pytest.raises(InputError, match="expected a frozen graph or a checkpoint of TensorFlow, got"):
            Variables(tmp_path / "a.pb").array("a")


def test_a_saved_model_has_its_variables_and_constants(tmp_path, arrays):
    one, *others = arrays.values()
    graphs.saved_model(tmp_path / "model", others, {"Const": one})
    found = Variables(tmp_path / "model")
    np.testing.assert_array_equal(found.array("Const"), one)
    for i, array in enumerate(others):
        np.testing.assert_array_equal(found.array(f"variables/{i}/.ATTRIBUTES/VARIABLE_VALUE"), array)
    graph = tmp_path / "model" / "saved_model.pb"
    whole = graph.read_bytes()
    for damaged in (b"", whole[:50], b"\x08\x01", whole[:-1]):
        graph.write_bytes(damaged)
        with pytest.raises(InputError, match="model: expected a frozen graph or a checkpoint"):
            Variables(tmp_path / "model")
    graph.write_bytes(whole)
    (tmp_path / "model" / "variables" / "variables.data-00000-of-00001").unlink()
    with pytest.raises(InputError, match=r"model: .*got variables\.data-00000-of-00001: No such file"):
        Variables(tmp_path / "model")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_flipped_bytes_give_arrays_or_one_error(tmp_path, arrays, rng, layout):
    path = written(tmp_path, arrays, layout)
    whole, said = path.read_bytes(), []
    for _ in range(300):
        broken = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 5)):
            broken[at] = rng.integers(0, 256)
        if rng.random() < 0.3:
            del broken[rng.integers(0, len(broken)) :]
        path.write_bytes(broken)
        try:
            found = Variables(path)
            for name in found.shapes:
                assert found.array(name).size <= 2**22
        except InputError as error:
            said.append(str(error))
    assert len(said) > 50
    assert not [text for text in said if "\n" in text]
