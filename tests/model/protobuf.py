"""Messages as protoc compiles them."""

from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_tools import protoc


def compiled(text, folder):
    (folder / "model.proto").write_text(text, encoding="utf-8")
    bundled = Path(protoc.__file__).parent / "_proto"
    done = protoc.main([
        "protoc", f"-I{folder}", f"-I{bundled}", f"--descriptor_set_out={folder / 'model.pb'}", "--include_imports",
        "model.proto",
    ])  # fmt: skip
    assert done == 0
    pool = descriptor_pool.DescriptorPool()
    for one in descriptor_pb2.FileDescriptorSet.FromString((folder / "model.pb").read_bytes()).file:
        pool.Add(one)
    return pool
