"""Every method of the administrators' services, as the protos say: tests that go over all of them ask here."""

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor

import protos.pedagio.v1


@dataclass(frozen=True)
class Rpc:
    """`name` as the table of roles has it; `stub`: a class to be made of a channel."""

    name: str
    method: str
    request: type[Any]
    stub: Any

    @property
    def fields(self) -> Descriptor:
        """What its request consists of."""
        found: Descriptor = self.request.DESCRIPTOR
        return found

    @property
    def mutates(self) -> bool:
        """The contract: what changes something takes a reason."""
        return "reason" in self.fields.fields_by_name


def _modules() -> list[ModuleType]:
    package = protos.pedagio.v1
    names = [each.name for each in pkgutil.iter_modules(package.__path__)]
    return [
        importlib.import_module(f"{package.__name__}.{name}")
        for name in sorted(names)
        if name.endswith("_pb2")
    ]


def _rpcs() -> list[Rpc]:
    found = []
    for module in _modules():
        stubs = importlib.import_module(f"{module.__name__}_grpc")
        for service in module.DESCRIPTOR.services_by_name.values():
            found += [
                Rpc(
                    f"{service.name}/{method.name}",
                    method.name,
                    message_factory.GetMessageClass(method.input_type),
                    getattr(stubs, f"{service.name}Stub"),
                )
                for method in service.methods
            ]
    return found


RPCS = _rpcs()
