"""Makes Python code of the contract, into gen/. Google's own messages come with googleapis-common-protos."""

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

HERE = Path(__file__).parent
PROTO = HERE.parents[2] / "proto"
# google/protobuf, which every protoc brings along.
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


def main() -> int:
    out = HERE / "gen"
    out.mkdir(exist_ok=True)
    contract = [str(path) for path in sorted(PROTO.glob("recoup/v1/*.proto"))]
    arguments = [f"-I{PROTO}", f"-I{WELL_KNOWN}", f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}"]
    return protoc.main(["protoc", *arguments, *contract])


if __name__ == "__main__":
    sys.exit(main())
