"""The whole state of training as named tensors, and where checkpoints lie.

The state is the model, what the stages keep, the balance, their optimisers and progress: nothing
else remembers anything, so what is restored goes on as if it had never stopped. Names read
`model/...`, `keeps/NAME/...`, `balance/...`, `optim/MODULE/PARAMETER/MOMENT`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from polyrec.run import Stored

Meta = dict[str, Any]  # JSON values
KEPT = "keeps/"  # before the name of what stages keep beside the model


class Shelf(Protocol):
    """Where checkpoints lie: a run folder, or memory where there is none."""

    def write(self, name: str, tensors: Mapping[str, Tensor]) -> Stored: ...
    def commit(self, name: str, stored: Stored, meta: Mapping[str, Any]) -> None: ...
    def link(self, source: str, name: str, meta: Mapping[str, Any]) -> Stored: ...
    def has(self, name: str) -> bool: ...
    def meta(self, name: str) -> Meta: ...
    def load(self, name: str) -> tuple[dict[str, Tensor], Meta]: ...


@dataclass
class Memory:
    """Checkpoints of a training without a run folder: they last as long as it does."""

    files: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    named: dict[str, Meta] = field(default_factory=dict)
    written: int = 0

    def write(self, name: str, tensors: Mapping[str, Tensor]) -> Stored:
        self.written += 1
        file = f"{name}-{self.written}"
        self.files[file] = {key: value.detach().clone() for key, value in tensors.items()}
        return Stored(file, "")

    def commit(self, name: str, stored: Stored, meta: Mapping[str, Any]) -> None:
        self.named[name] = {**meta, "file": stored.file, "sha256": stored.sha256}
        used = {known["file"] for known in self.named.values()}
        self.files = {file: kept for file, kept in self.files.items() if file in used}

    def link(self, source: str, name: str, meta: Mapping[str, Any]) -> Stored:
        stored = Stored(self.named[source]["file"], "")
        self.commit(name, stored, meta)
        return stored

    def has(self, name: str) -> bool:
        return name in self.named

    def meta(self, name: str) -> Meta:
        return self.named[name]

    def load(self, name: str) -> tuple[dict[str, Tensor], Meta]:
        return self.files[self.named[name]["file"]], self.named[name]


@dataclass(frozen=True)
class State:
    """Everything that training changes: modules and optimisers, each under its name."""

    modules: Mapping[str, nn.Module]
    optimisers: Mapping[str, torch.optim.Optimizer] = field(default_factory=dict)

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors, not copied."""
        found = {
            f"{prefix}/{name}": tensor
            for prefix, module in self.modules.items()
            for name, tensor in module.state_dict().items()
        }
        for prefix, optimiser in self.optimisers.items():
            for name, weight in self._weights(optimiser):
                for moment, value in optimiser.state.get(weight, {}).items():
                    if isinstance(value, Tensor):
                        found[f"{prefix}/{name}/{moment}"] = value
        return found

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`; names of parts that this state lacks are passed over.

        What stages keep beside the model (`KEPT`) and the tensors lack stays as it is: a run that
        goes on with hard negatives has searched no windows before.

        Raises:
            ValueError: names or shapes of a module differ from the stored ones.
        """
        for prefix, module in self.modules.items():
            stored = within(tensors, prefix)
            if stored or not prefix.startswith(KEPT):
                load_weights(module, stored)
        for prefix, optimiser in self.optimisers.items():
            stored = within(tensors, prefix)
            for name, weight in self._weights(optimiser):
                moments = {m: t.clone() for m, t in within(stored, name).items() if "/" not in m}
                if moments:
                    optimiser.state[weight] = moments

    def _weights(self, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, nn.Parameter]]:
        names = {
            id(weight): f"{prefix}/{name}"
            for prefix, module in self.modules.items()
            for name, weight in module.named_parameters()
        }
        for group in optimiser.param_groups:
            for weight in group["params"]:
                yield names[id(weight)], weight


def within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, named without it: `within(loaded, "model")` for serving."""
    start = prefix + "/"
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts stored tensors into a module; buffers that a solver sized take the stored size.

    A model's `since` says what its newer buffers were when checkpoints did not hold them.

    Raises:
        ValueError: names or parameter shapes differ; the message lists them.
    """
    own = module.state_dict()
    tensors = {**getattr(module, "since", {}), **tensors}
    wrong = [f"{name} is missing" for name in own if name not in tensors]
    wrong += [f"{name} is unknown" for name in tensors if name not in own]
    buffers = dict(module.named_buffers())
    for name in own.keys() & tensors.keys():
        if own[name].shape == tensors[name].shape:
            continue
        if name in buffers:
            _resize(module, name, tensors[name])
        else:
            wrong.append(f"{name} is {_size(own[name])}, stored {_size(tensors[name])}")
    if wrong:
        raise ValueError(
            f"the checkpoint fits another {type(module).__name__}: {'; '.join(sorted(wrong)[:5])}; "
            "resume with the settings that shape the model unchanged"
        )
    module.load_state_dict(dict(tensors))


def _resize(module: nn.Module, name: str, like: Tensor) -> None:
    owner, _, last = name.rpartition(".")
    old = module.get_buffer(name)
    setattr(module.get_submodule(owner), last, torch.empty_like(like, device=old.device))


def _size(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape)
