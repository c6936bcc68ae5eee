"""Adam and AdamW: torch's numbers within rounding, torch's state, and no bit that depends on threads."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from on_gpu import GPU, Capturable, fake_gpu
from oracle import assert_as_good_as
from torch import Tensor, nn

from spikeloom import nn as loom
from spikeloom import optim
from spikeloom.checks import InputError

STEPS = 20
PAIRS = {"Adam": (optim.Adam, torch.optim.Adam), "AdamW": (optim.AdamW, torch.optim.AdamW)}
SETTINGS: dict[str, dict[str, Any]] = {
    "usual": {},
    "decay": {"weight_decay": 0.1},
    "none_of_the_first_moment": {"betas": (0.0, 0.99)},
    "large": {"lr": 0.3, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.01},
}
# More than a task's numbers, several blocks, part of a block, one number, none.
SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (33,), (64, 3), (5, 7, 64), (3, 9000), (40_000,)]
Make = Callable[..., torch.optim.Optimizer]
both = pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
with_settings = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def tensors(dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Parameters of all shapes; the last three lie in memory as a layer of the dense route lays its weights out."""
    generator = torch.Generator().manual_seed(0)
    contiguous = [torch.randn(shape, generator=generator) for shape in SHAPES]
    strided = [torch.empty_strided((2, 30, 64), (64, 128, 1)), torch.empty_strided((33, 65), (1, 33))]
    strided.append(torch.empty_strided((2, 3, 5), (1, 2, 6)))
    for x in strided:
        x.copy_(torch.randn(x.shape, generator=generator))
    return [x.to(dtype).requires_grad_() for x in (*contiguous, *strided)]


def gradient(x: Tensor, step: int, number: int) -> Tensor:
    """Some of its rows are zeros, as in a weight whose inputs did not spike; sizes differ by some orders."""
    generator = torch.Generator().manual_seed(1000 * step + number)
    values = torch.randn(x.shape, generator=generator) * 10.0 ** (number % 4 - 3)
    mask = torch.rand(x.shape, generator=generator) < 0.8
    return torch.where(mask, values, 0.0).to(x.dtype)


def go_on(optimizer: torch.optim.Optimizer, steps: range) -> None:
    """Take steps with gradients that depend on the step alone."""
    for step in steps:
        parameters = [x for group in optimizer.param_groups for x in group["params"]]
        for number, x in enumerate(parameters):
            x.grad = torch.empty_like(x).copy_(gradient(x, step, number))
        optimizer.step()


def trained(make: Make, dtype: torch.dtype = torch.float32, steps: int = STEPS, **settings: Any) -> list[Tensor]:
    """Parameters and moments, flat, after some steps."""
    parameters = tensors(dtype)
    optimizer = make(parameters, **settings)
    go_on(optimizer, range(steps))
    return contents(optimizer)


def contents(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    parameters = [x for group in optimizer.param_groups for x in group["params"]]
    moments = [optimizer.state[x][name] for x in parameters for name in ("exp_avg", "exp_avg_sq")]
    return [x.detach().clone() for x in (*parameters, *moments)]


@both
@with_settings
def test_as_good_as_torchs(ours: Make, theirs: Make, settings: dict[str, Any]) -> None:
    """Against torch's in float64, ours errs at most twice as much as torch's in float32."""
    got, want32 = trained(ours, **settings), trained(theirs, foreach=False, **settings)
    want64 = trained(theirs, torch.float64, foreach=False, **settings)
    before = tensors()
    assert all(torch.equal(a, b) == (a.numel() == 0) for a, b in zip(got, before, strict=False))
    for number, trio in enumerate(zip(got, want32, want64, strict=True)):
        assert_as_good_as(*trio, f"tensor {number}")


@both
def test_no_bit_depends_on_threads(ours: Make, theirs: Make) -> None:
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(trained(ours, weight_decay=0.01))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@both
@pytest.mark.parametrize("first_ours", [True, False], ids=["ours_first", "torchs_first"])
def test_the_one_goes_on_from_what_the_other_has_saved(ours: Make, theirs: Make, first_ours: bool) -> None:
    settings: dict[str, Any] = {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.9)}
    first, second = (ours, theirs) if first_ours else (theirs, ours)

    def split(dtype: torch.dtype, begin: Make, end: Make) -> list[Tensor]:
        parameters = tensors(dtype)
        before = begin(parameters, **settings)
        go_on(before, range(STEPS // 2))
        after = end(parameters)  # its own settings, until it has loaded the other's
        after.load_state_dict(copy.deepcopy(before.state_dict()))
        assert after.param_groups[0]["betas"] == (0.8, 0.9)
        go_on(after, range(STEPS // 2, STEPS))
        assert all(float(after.state[x]["step"]) == STEPS for x in parameters)
        return contents(after)

    got, want32 = split(torch.float32, first, second), trained(theirs, **settings)
    for number, trio in enumerate(zip(got, want32, split(torch.float64, theirs, theirs), strict=True)):
        assert_as_good_as(*trio, f"tensor {number}")


@both
def test_its_own_state_is_gone_on_from_to_the_bit(ours: Make, theirs: Make) -> None:
    parameters = tensors()
    optimizer = ours(parameters, lr=0.01)
    go_on(optimizer, range(5))
    other = ours(parameters)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    go_on(other, range(5, 9))
    assert all(torch.equal(a, b) for a, b in zip(contents(other), trained(ours, steps=9, lr=0.01), strict=True))


def test_a_weight_laid_out_anew_keeps_its_moments() -> None:
    """A layer lays its weights out when it chooses its route; moments made before have the other strides."""
    results = []
    for change in (False, True):
        x = torch.randn(2, 30, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
        optimizer = optim.Adam([x], lr=0.01)
        go_on(optimizer, range(3))
        if change:
            x.data = torch.empty_strided(x.shape, (64, 128, 1)).copy_(x.data)
        go_on(optimizer, range(3, 6))
        results.append(contents(optimizer))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_gradient_with_other_strides_is_read_by_its_places() -> None:
    results = []
    for strides in ((64, 1), (1, 33)):
        x = torch.randn(33, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
        optimizer = optim.Adam([x], lr=0.01)
        for step in range(3):
            x.grad = torch.empty_strided(x.shape, strides).copy_(gradient(x, step, 0))
            optimizer.step()
        results.append(contents(optimizer))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@both
def test_groups_have_settings_of_their_own(ours: Make, theirs: Make) -> None:
    def run(make: Make, dtype: torch.dtype) -> list[Tensor]:
        x, y, z = (torch.linspace(-1, 1, size, dtype=dtype).requires_grad_() for size in (5, 70, 9))
        optimizer = make([{"params": [x], "lr": 0.5}, {"params": [y, z], "weight_decay": 0.3}], lr=0.01)
        go_on(optimizer, range(STEPS))
        return contents(optimizer)

    for trio in zip(run(ours, torch.float32), run(theirs, torch.float32), run(theirs, torch.float64), strict=True):
        assert_as_good_as(*trio, "parameter")


def test_the_learning_rate_may_change_between_steps() -> None:
    def run(make: Make, dtype: torch.dtype) -> list[Tensor]:
        x = torch.linspace(-1, 1, 70, dtype=dtype).requires_grad_()
        optimizer = make([x], lr=0.1)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)
        for step in range(STEPS):
            go_on(optimizer, range(step, step + 1))
            schedule.step()
        return contents(optimizer)

    trios = zip(run(optim.Adam, torch.float32), run(torch.optim.Adam, torch.float32),
                run(torch.optim.Adam, torch.float64), strict=True)  # fmt: skip
    for trio in trios:
        assert_as_good_as(*trio, "parameter")


def test_what_has_no_gradient_stays_as_it_is() -> None:
    with_one, without = (torch.ones(70, requires_grad=True) for _ in range(2))
    optimizer = optim.AdamW([with_one, without], lr=0.1)
    with_one.grad = torch.ones(70)
    optimizer.step()
    assert bool((without == 1).all())
    assert without not in optimizer.state
    assert bool((with_one < 1).all())


def test_a_closure_computes_the_loss_with_gradients() -> None:
    x = torch.ones(70, requires_grad=True)
    optimizer = optim.Adam([x], lr=0.1)
    calls = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = x.square().sum()
        loss.backward()
        calls.append(torch.is_grad_enabled())
        return loss

    assert float(optimizer.step(closure).detach()) == 70
    assert calls == [True]
    assert float(optimizer.step(closure).detach()) < 70
    assert optimizer.step() is None


def test_a_backward_pass_that_saved_an_older_weight_is_refused() -> None:
    x = torch.ones(70, requires_grad=True)
    optimizer = optim.Adam([x], lr=0.1)
    x.grad = torch.ones(70)
    loss, version = (x * x).sum(), x._version
    optimizer.step()
    assert x._version > version
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_layers_stale_backward_pass_is_refused() -> None:
    layer = loom.LIF(40, 70, sparse=True)
    optimizer = optim.Adam(layer.parameters())
    x = (torch.rand(6, 3, 40, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    first, second = (layer(x)[0].dense().sum() for _ in range(2))
    first.backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        second.backward()


def test_denormal_moments_do_not_outlive_the_call() -> None:
    """Kernels take denormal numbers for zero; torch's own arithmetic goes on as before."""
    x = torch.ones(70, requires_grad=True)
    x.grad = torch.full((70,), 1e-30)
    optimizer = optim.Adam([x], lr=0.1)
    optimizer.step()
    assert bool(x.isfinite().all())
    assert float(torch.tensor(1e-40) * 0.5) > 0


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("lr", -0.1), ("eps", -1e-8), ("weight_decay", -1.0), ("betas", (1.0, 0.9)), ("betas", (0.9, -0.1))],
)
@both
def test_numbers_out_of_their_range_are_refused(ours: Make, theirs: Make, name: str, wrong: Any) -> None:
    with pytest.raises(InputError, match=f"^{name}: expected"):
        ours([torch.ones(3, requires_grad=True)], **{name: wrong})


@pytest.mark.parametrize("name", ["lr", "eps", "weight_decay"])
def test_nan_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name}: expected"):
        optim.Adam([torch.ones(3, requires_grad=True)], **{name: float("nan")})


WRONG = {
    "float64": lambda: torch.ones(5, dtype=torch.float64),
    "bfloat16": lambda: torch.ones(5, dtype=torch.bfloat16),
    "meta": lambda: torch.ones(5, device="meta"),
    "gaps": lambda: torch.ones(10)[::2],
}


@pytest.mark.parametrize("name", WRONG)
def test_parameters_that_do_not_fit_are_refused(name: str) -> None:
    x = WRONG[name]().requires_grad_()
    x.grad = torch.ones_like(x)
    optimizer = optim.Adam([x])
    with pytest.raises(InputError, match="^parameter: expected"):
        optimizer.step()


def test_it_trains_a_layer_as_torchs_does() -> None:
    def losses(make: Make) -> list[float]:
        torch.manual_seed(0)
        net = loom.Sequential(loom.LIF(40, 70, bias=True, sparse=True), loom.LI(70, 4))
        x = (torch.rand(12, 16, 40, generator=torch.Generator().manual_seed(0)) < 0.2).float()
        loom.init.scale_to_activity_(net, x, 0.15)
        labels, optimizer, found = torch.arange(16) % 4, make(net.parameters(), lr=1e-2), []
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x)[0].mean(0), labels)
            loss.backward()
            optimizer.step()
            found.append(float(loss))
        return found

    got, want = losses(optim.Adam), losses(torch.optim.Adam)
    assert got[0] == want[0]
    assert got[-1] < 0.5 * got[0]
    assert got[:4] == pytest.approx(want[:4], rel=1e-4)


@pytest.mark.parametrize("setting", ["amsgrad", "maximize"])
def test_state_of_a_setting_that_it_lacks_is_refused(setting: str) -> None:
    saved = torch.optim.Adam(tensors(), **{setting: True}).state_dict()  # type: ignore[arg-type]
    with pytest.raises(InputError, match=setting):
        optim.Adam(tensors()).load_state_dict(saved)


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second parameter takes the step of those on a GPU: torch's own, which knows the CPU too."""
    chosen = {x.shape for x in tensors()[::2]}
    monkeypatch.setattr(optim, "_on_gpu", lambda parameter: parameter.shape in chosen)


@both
@with_settings
@pytest.mark.usefixtures("as_on_a_gpu")
def test_parameters_here_and_on_a_gpu_are_as_good_as_torchs(ours: Make, theirs: Make, settings: dict[str, Any]) -> None:
    got, want32 = trained(ours, **settings), trained(theirs, foreach=False, **settings)
    want64 = trained(theirs, torch.float64, foreach=False, **settings)
    for number, trio in enumerate(zip(got, want32, want64, strict=True)):
        assert_as_good_as(*trio, f"tensor {number}")


@both
@pytest.mark.usefixtures("as_on_a_gpu")
def test_the_learning_rate_may_be_a_tensor(ours: Make, theirs: Make) -> None:
    got, want = trained(ours, lr=torch.tensor(2.0**-7)), trained(ours, lr=2.0**-7)
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


@both
def test_a_step_on_a_gpu_asks_it_nothing(ours: Make, theirs: Make) -> None:
    """Nor does it take anything from the CPU: a CUDA graph can hold it."""
    with fake_gpu():
        weights = [torch.zeros(2, 30, 64, device=GPU), torch.empty_strided((2, 30, 64), (64, 128, 1), device=GPU)]
        for x in weights:
            x.grad = torch.zeros_like(x).contiguous()
        optimizer = ours(weights)
        optimizer.step()
        with Capturable():
            optimizer.step()
        state = optimizer.state[weights[1]]
        assert {x.device for x in state.values()} == {GPU}
        assert state["exp_avg"].stride() == weights[1].stride()


def test_state_follows_its_parameter_to_a_gpu() -> None:
    with fake_gpu():
        x = torch.zeros(5, 64, device=GPU)
        x.grad = torch.zeros_like(x)
        optimizer = optim.Adam([x])
        optimizer.state[x] = {"step": torch.zeros(()), "exp_avg": torch.zeros(5, 64), "exp_avg_sq": torch.zeros(5, 64)}
        optimizer.step()
        assert {value.device for value in optimizer.state[x].values()} == {GPU}
