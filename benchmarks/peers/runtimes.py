"""What runs an exported decoder: LiteRT and ONNX Runtime, one thread, nothing else imported."""

from benchmarks import work


def litert(path, batch):
    """An exported file, as anyone would run it: LiteRT's Interpreter, its signature `decode`."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    z = work.codes(batch, inputs["shape"][1])

    def once():
        interpreter.set_tensor(inputs["index"], z)
        interpreter.invoke()
        interpreter.get_tensor(outputs["index"])

    return work.decoding(once, batch)


def onnx(path, batch, latent_dim):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: work.codes(batch, latent_dim)}
    return work.decoding(lambda: session.run(None, feed), batch)
