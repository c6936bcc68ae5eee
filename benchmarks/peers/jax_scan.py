"""JAX, jit and lax.scan, products over all steps in fp32."""

from benchmarks.case import Built, Case

NAME = "jax_scan"
PACKAGES = ("jax", "jaxlib", "optax")
NUMBER_TYPE = "fp32"
NOTE = ""
NO_GPU = "its JAX for GPUs is apart from torch, and was not set up: it is compared on CPUs alone"


def supports(case: Case) -> str | None:
    """None: any case has its form."""
    return None


def build(case: Case) -> Built:
    """The case, ready to run."""
    import jax.numpy as jnp

    from benchmarks.peers import _jax

    return _jax.build_scan(case, dtype=jnp.float32)
