"""A small case of each kind, and the equations of a case in one plain loop, to compare implementations with."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Case

STEPS, BATCH, INPUTS, HIDDEN, CLASSES = 23, 5, 40, (30, 26), 4


class Fire(torch.autograd.Function):
    """A spike at the threshold, with the surrogate's derivative."""

    @staticmethod
    def forward(ctx, margin: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(margin)
        ctx.slope = slope
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return gradient / (ctx.slope * ctx.saved_tensors[0].abs() + 1) ** 2, None


def case(kind: str) -> Case:
    """A case: "feed-forward", "recurrent", "without readout" (and with numbers for spikes), or "deep".

    Weights are multiples of 1/64, which bf16 holds, and the threshold is none: no current alone reaches it exactly,
    where some libraries spike and others do not.
    """
    generator = torch.Generator().manual_seed(5)
    sizes = {"deep": (30, 26, 22), "without readout": (30,)}.get(kind, HIDDEN)
    shapes = zip(sizes, (INPUTS, *sizes[:-1]), strict=True)

    def drawn(rows: int, columns: int, scale: float) -> Tensor:
        return (scale * torch.randn(rows, columns, generator=generator) * 64).round() / 64

    x = (torch.rand(STEPS, BATCH, INPUTS, generator=generator) < 0.2).float()
    if kind == "without readout":
        x = torch.randn(STEPS, BATCH, INPUTS, generator=generator).bfloat16().float()
    weights = tuple(drawn(rows, columns, (2.5 if columns == INPUTS else 5) / columns**0.5) for rows, columns in shapes)
    made = Case(
        name=kind,
        x=x,
        binary=kind != "without readout",
        labels=torch.randint(CLASSES, (BATCH,), generator=generator),
        weights=weights,
        recurrent=tuple(drawn(len(w), len(w), 0.3) if kind == "recurrent" else None for w in weights),
        readout=None if kind == "without readout" else drawn(CLASSES, sizes[-1], 0.3),
        beta=0.9,
        readout_beta=0.8,
        gain=0.5,
        threshold=1.0 + 1 / 512,
        second_threshold=0.9,
        slope=10.0,
        optimizer="sgd" if kind == "deep" else "adam",
        activity=(0.1,) * len(weights),
    )
    return Case(**vars(made) | {"activity": tuple(float(s.detach().mean()) for s in run(made)[1])})


def run(case: Case) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The loss, each hidden layer's spikes `[T, B, N]`, and all weights, in float64 and open to gradients."""
    weights = [w.double().requires_grad_() for w in case.weights]
    within = [None if v is None else v.double().requires_grad_() for v in case.recurrent]
    readout = None if case.readout is None else case.readout.double().requires_grad_()
    x, layers = case.x.double(), []
    for weight, recurrent in zip(weights, within, strict=True):
        membrane = spike = torch.zeros(x.shape[1], len(weight), dtype=x.dtype)
        spikes = []
        for now in x:
            current = F.linear(now, weight)
            if recurrent is not None:
                current = current + F.linear(spike, recurrent)
            membrane = case.beta * membrane * (1 - spike.detach()) + case.gain * current
            spike = Fire.apply(membrane - case.threshold, case.slope)
            spikes.append(spike)
        x = torch.stack(spikes)
        layers.append(x)
    everything = [w for w in (*weights, *within, readout) if w is not None]
    return (x.mean() if readout is None else _loss(case, x, readout)), layers, everything


def gradients(case: Case) -> tuple[float, list[Tensor]]:
    """The loss and its gradients by all weights: hidden, recurrent, readout."""
    loss, _, weights = run(case)
    return loss.item(), list(torch.autograd.grad(loss, weights))


def _loss(case: Case, spikes: Tensor, readout: Tensor) -> Tensor:
    output = torch.zeros(spikes.shape[1], len(readout), dtype=spikes.dtype)
    summed = output
    for now in spikes:
        output = case.readout_beta * output + case.gain * F.linear(now, readout)
        summed = summed + output
    return F.cross_entropy(summed, case.labels)
