"""Runs layers of spiking neurons as modules, and the same layers on the reference, with all their gradients."""

import copy
from collections.abc import Callable, Iterable

import torch
from oracle import assert_as_good_as, assert_close
from torch import Tensor

from spikeloom import reference
from spikeloom.nn import Spiking
from spikeloom.nn.blocked import to_matrix

Results = dict[str, Tensor]


def binary(*shape: int, seed: int = 0, activity: float = 0.3) -> Tensor:
    """Random zeros and ones."""
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < activity).float()


def upstream(layer: Spiking, x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """The loss's derivatives by the spikes `[T, B, N]` and by the last states `[S, B, N]`."""
    generator = torch.Generator().manual_seed(seed)
    steps, batch, _ = x.shape
    shape, states = (steps, batch, layer.out_features), len(layer.neuron.states)
    return torch.randn(shape, generator=generator), torch.randn(states, *shape[1:], generator=generator)


def run_layer(layer: Spiking, x: Tensor, seed: int = 0) -> Results:
    """Spikes, states and the gradients by all parameters."""
    layer.zero_grad()
    spikes, state = layer(x)
    return _with_gradients(layer, spikes.dense(), torch.stack(state.values), upstream(layer, x, seed))


def run_twin(layer: Spiking, x: Tensor, dtype: torch.dtype, seed: int = 0) -> Results:
    """The same by the reference: the twin's parameters, through its own equations, in another dtype."""
    twin = copy.deepcopy(layer).to(dtype)
    twin.zero_grad()
    size, late = twin.out_features, twin.delay
    heard = torch.cat([torch.zeros_like(x[:1]).expand(late, -1, -1), x])[: len(x)].to(dtype)
    weights = [to_matrix(twin.weight, size, twin.in_features)]
    if twin.recurrent_weight is not None:
        weights.append(to_matrix(twin.recurrent_weight, size, size))
    operation = reference.feedforward if twin.recurrent_weight is None else reference.recurrent
    spikes, _, _, (states, _) = operation(
        heard,
        *weights,
        twin.bias,
        neuron=twin.neuron,
        parameters=tuple(twin.value(name).expand(size) for name in twin.neuron.names),
        depth=(twin.second_threshold - twin.threshold).expand(size),
        surrogate=twin.surrogate,
    )
    given = tuple(d.to(dtype) for d in upstream(layer, x, seed))
    return _with_gradients(twin, spikes, torch.stack(states), given)


def _with_gradients(layer: Spiking, spikes: Tensor, states: Tensor, given: tuple[Tensor, Tensor]) -> Results:
    live = [(y, d) for y, d in zip((spikes, states), given, strict=True) if y.requires_grad]
    torch.autograd.backward([y for y, _ in live], [d for _, d in live])
    found = {name: p.grad for name, p in layer.named_parameters()}
    assert all(gradient is not None for gradient in found.values()), "every parameter takes part"
    return {"spikes": spikes.detach(), "states": states.detach()} | {f"d_{name}": d for name, d in found.items()}  # type: ignore[dict-item]


def assert_as_good_as_twin(make: Callable[[], Spiking], x: Callable[[int], Tensor], seeds: Iterable[int]) -> None:
    """Hold layers to the reference: the same spikes, and all else, pooled over the seeds, as good.

    Args:
        make: makes a layer, with weights from torch's seed.
        x: gives an input from a seed.
        seeds: of which to make cases.
    """
    pooled: dict[str, list[tuple[Tensor, ...]]] = {}
    for seed in seeds:
        torch.manual_seed(seed)
        layer, now = make(), x(seed)
        got = run_layer(layer, now, seed)
        want32, want64 = (run_twin(layer, now, dtype, seed) for dtype in (torch.float32, torch.float64))
        assert 0 < float(got["spikes"].mean()) < 1, "some spike"
        assert_close(got.pop("spikes"), want32["spikes"], kind="exact", name="spikes")
        for name, value in got.items():
            pooled.setdefault(name, []).append(tuple(y.flatten() for y in (value, want32[name], want64[name])))
    for name, trios in pooled.items():
        whole = [torch.cat(part) for part in zip(*trios, strict=True)]
        assert bool(whole[2].any()), f"{name}: zeros show nothing"
        assert_as_good_as(*whole, name)
