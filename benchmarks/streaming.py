"""What loops over real neighbours give: a study of kernels for the engine, not the engine itself.

    python benchmarks/streaming.py [sym] [small] [two] [--double]

Two kernels of C++ are written for a model's shapes and compiled at first use: the convolution, edge
by edge, and the product basis as a polynomial, both vectorised over channels, with their
derivatives. All else of the fast form runs as it is, uncompiled, on atoms. Printed are the time to
the first energy and forces, CPU milliseconds a call, and how far both are from the fast form.
"""

import ctypes
import hashlib
import itertools
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matscipy.neighbours import neighbour_list
from md_engine import MODELS, SMALL, build_model
from torch import Tensor

from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.fast.evaluator import Evaluator
from falsemetal.potentials.fast.layers import SCALAR, Convolution, Layer
from falsemetal.potentials.fast.products import FoldedProduct
from falsemetal.potentials.store import default_dtype
from falsemetal.systems.water import water_slab

MODELS["sym"] = SMALL | {"layers": 2, "channels": 32, "max_ell": 3}  # as symmetrix was measured
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC", "-std=c++17"]
FOLDER = Path(tempfile.mkdtemp())
SKIN_A, CALLS, LEAST = 0.5, 15, 1e-9

CONVOLUTION = r"""
typedef %(real)s real;
constexpr int C = %(C)d, P = %(P)d * C, H = %(H)d * C, O = %(O)d * C, Y = %(Y)d;
// m_i = sum_j R(r_ij) h_j x Y(r_ij); rows of edges begin at first[i]; splines of degree 5
extern "C" void forward(long n, const long* first, const long* sender, const real* t,
    const long* interval, const real* ys, const real* coef, const real* hs, real* out) {
#pragma omp parallel for schedule(static)
  for (long i = 0; i < n; i++) {
    alignas(64) real acc[O] = {0}, r[P];
    for (long e = first[i]; e < first[i + 1]; e++) {
      const real *co = coef + interval[e] * 6 * P, *y = ys + e * Y, *h = hs + sender[e] * H;
#pragma omp simd
      for (int c = 0; c < P; c++) {
        real v = co[c];
        for (int k = 1; k < 6; k++) v = v * t[e] + co[k * P + c];
        r[c] = v;
      }
%(forward)s
    }
    for (int k = 0; k < O; k++) out[i * O + k] = acc[k];
  }
}
extern "C" void backward(long n, const long* first, const long* sender, const real* t,
    const long* interval, const real* ys, const real* coef, const real* hs, const real* gs,
    real* ghs, real* gys, real* gt) {
  for (long i = 0; i < n; i++) {
    alignas(64) real r[P], d[P];
    const real* g = gs + i * O;
    for (long e = first[i]; e < first[i + 1]; e++) {
      const real *co = coef + interval[e] * 6 * P, *y = ys + e * Y, *h = hs + sender[e] * H;
      real *gy = gys + e * Y, *__restrict gh = ghs + sender[e] * H, dt = 0;
#pragma omp simd
      for (int c = 0; c < P; c++) {
        real v = co[c], w = 0;
        for (int k = 1; k < 6; k++) { w = w * t[e] + v; v = v * t[e] + co[k * P + c]; }
        r[c] = v; d[c] = w;
      }
%(backward)s
      gt[e] = dt;
    }
  }
}
"""

PRODUCT = r"""
typedef %(real)s real;
constexpr int C = %(C)d, N = %(N)d, O = %(O)d;
// sums of monomials x_i x_j x_k, whose factors are in `index`; the factor N is one
extern "C" void forward(long n, const long* first, const int* index, const real* w, const real* x,
    real* out) {
#pragma omp parallel for schedule(static)
  for (long a = 0; a < n; a++) {
    alignas(64) real y[(N + 1) * C];
    for (int q = 0; q < (N + 1) * C; q++) y[q] = q < N * C ? x[a * N * C + q] : 1;
    for (int o = 0; o < O; o++) {
      alignas(64) real acc[C] = {0};
      for (long m = first[o]; m < first[o + 1]; m++) {
        const real *p = y + index[3 * m] * C, *q = y + index[3 * m + 1] * C;
        const real *r = y + index[3 * m + 2] * C, *v = w + m * C;
#pragma omp simd
        for (int c = 0; c < C; c++) acc[c] += v[c] * p[c] * q[c] * r[c];
      }
      for (int c = 0; c < C; c++) out[(a * O + o) * C + c] = acc[c];
    }
  }
}
extern "C" void backward(long n, const long* first, const int* index, const real* w, const real* x,
    const real* g, real* gx) {
#pragma omp parallel for schedule(static)
  for (long a = 0; a < n; a++) {
    alignas(64) real y[(N + 1) * C], gy[(N + 1) * C] = {0};
    for (int q = 0; q < (N + 1) * C; q++) y[q] = q < N * C ? x[a * N * C + q] : 1;
    for (int o = 0; o < O; o++)
      for (long m = first[o]; m < first[o + 1]; m++) {
        const int i = index[3 * m] * C, j = index[3 * m + 1] * C, k = index[3 * m + 2] * C;
        for (int c = 0; c < C; c++) {
          const real f = w[m * C + c] * g[(a * O + o) * C + c];
          const real p = y[i + c], q = y[j + c], r = y[k + c];
          gy[i + c] += f * q * r; gy[j + c] += f * p * r; gy[k + c] += f * p * q;
        }
      }
    for (int q = 0; q < N * C; q++) gx[a * N * C + q] = gy[q];
  }
}
"""


def build(text: str) -> ctypes.CDLL:
    """Compile a kernel unless it is there."""
    library = FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        library.with_suffix(".cpp").write_text(text)
        source = str(library.with_suffix(".cpp"))
        subprocess.run(["g++", *FLAGS, source, "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def pointers(*tensors: Tensor) -> list[ctypes.c_void_p]:
    """Addresses of contiguous tensors."""
    return [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]


def path_code(
    number: int, channels: int, h: int, y: int, o: int, coupling: np.ndarray
) -> tuple[str, str]:
    """Loops over channels of one path; the offsets of its arrays are in components."""
    d1, d2, d3 = coupling.shape
    mixed = {
        (a, c): [(float(coupling[a, b, c]), b) for b in range(d2) if abs(coupling[a, b, c]) > LEAST]
        for a in range(d1)
        for c in range(d3)
    }
    mixed = {key: terms for key, terms in mixed.items() if terms}
    name = {(a, c): f"a{number}_{a}_{c}" for a, c in mixed}
    declared = "".join(
        f"const real {name[key]} = {' + '.join(f'real({v!r}) * y[{y + b}]' for v, b in terms)};\n"
        for key, terms in mixed.items()
    )
    radial = f"r[{number} * C + c]"
    forward = declared + "#pragma omp simd\nfor (int c = 0; c < C; c++) {\n"
    forward += "".join(f"const real v{a} = {radial} * h[{h + a} * C + c];\n" for a in range(d1))
    for c in range(d3):
        terms = " + ".join(f"{name[a, c]} * v{a}" for a in range(d1) if (a, c) in mixed)
        forward += f"acc[{o + c} * C + c] += {terms};\n" if terms else ""
    backward = declared + "".join(f"real s{name[key]} = 0;\n" for key in mixed)
    sums = ", ".join([*(f"s{name[key]}" for key in mixed), "dt"])
    backward += f"#pragma omp simd reduction(+:{sums})\nfor (int c = 0; c < C; c++) {{\n"
    backward += f"const real rc = {radial}; real dr = 0;\n"
    backward += "".join(f"const real g{c} = g[{o + c} * C + c];\n" for c in range(d3))
    for a in range(d1):
        terms = " + ".join(f"{name[a, c]} * g{c}" for c in range(d3) if (a, c) in mixed) or "0"
        backward += f"const real u{a} = {terms}, x{a} = h[{h + a} * C + c], v{a} = rc * x{a};\n"
        backward += f"gh[{h + a} * C + c] += rc * u{a}; dr += x{a} * u{a};\n"
    backward += "".join(f"s{name[a, c]} += v{a} * g{c};\n" for a, c in mixed)
    backward += f"dt += dr * d[{number} * C + c];\n}}\n"
    for key, terms in mixed.items():
        backward += "".join(f"gy[{y + b}] += real({v!r}) * s{name[key]};\n" for v, b in terms)
    return f"{forward}}}\n", backward


class Convolve(torch.autograd.Function):
    """The convolution kernel, once differentiable by features, harmonics and lengths."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, y: Tensor, t: Tensor, kernel: Any, edges: tuple) -> Tensor:
        """Messages, shape (n, outputs, channels)."""
        first, sender, interval = edges
        out = h.new_empty(len(h), kernel.outputs, h.shape[-1])
        arguments = (first, sender, t, interval, y, kernel.coefficients, h)
        kernel.library.forward(ctypes.c_long(len(h)), *pointers(*arguments, out))
        ctx.save_for_backward(*arguments)
        ctx.library = kernel.library
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients by the inputs that have one."""
        first, sender, t, interval, y, coefficients, h = ctx.saved_tensors
        found = torch.zeros_like(h), torch.zeros_like(y), torch.empty_like(t)
        arguments = (first, sender, t, interval, y, coefficients, h, gradient.contiguous(), *found)
        ctx.library.backward(ctypes.c_long(len(h)), *pointers(*arguments))
        return *found, None, None


class Multiply(torch.autograd.Function):
    """The product kernel, once differentiable by the messages."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Any, counts: list[int]) -> Tensor:
        """Products, shape (n, outputs, channels)."""
        x = x.contiguous()
        out = x.new_empty(len(x), kernel.outputs, x.shape[-1])
        for w, own, of in zip(kernel.weights, x.split(counts), out.split(counts), strict=True):
            arguments = pointers(kernel.first, kernel.index, w, own, of)
            kernel.library.forward(ctypes.c_long(len(own)), *arguments)
        ctx.save_for_backward(x)
        ctx.kernel, ctx.counts = kernel, counts
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients by the inputs that have one."""
        (x,), kernel, counts = ctx.saved_tensors, ctx.kernel, ctx.counts
        found, gradient = torch.empty_like(x), gradient.contiguous()
        parts = (tensor.split(counts) for tensor in (x, gradient, found))
        for w, own, g, of in zip(kernel.weights, *parts, strict=True):
            arguments = pointers(kernel.first, kernel.index, w, own, g, of)
            kernel.library.backward(ctypes.c_long(len(own)), *arguments)
        return found, None, None


class ConvolutionKernel:
    """Kernel of a layer's convolution; features are by component, then by channel."""

    def __init__(self, convolution: Convolution, harmonics: list[str], real: str) -> None:
        columns = [getattr(convolution, f"radial_{i}") for i in convolution.order]
        self.coefficients = torch.cat(columns, -1).contiguous()
        paths = [convolution.paths[i] for i in convolution.order]
        self.senders = list(dict.fromkeys(path.sender for path in paths))
        places = [_starts(self.senders), _starts(harmonics)]
        self.parts: dict[str, list[slice]] = defaultdict(list)
        self.outputs, forward, backward = 0, "", ""
        for number, (index, path) in enumerate(zip(convolution.order, paths, strict=True)):
            coupling = getattr(convolution, f"coupling_{index}").double().numpy()
            start, self.outputs = self.outputs, self.outputs + coupling.shape[2]
            self.parts[path.message].append(slice(start, self.outputs))
            h, y = places[0][path.sender], places[1][path.harmonic]
            code = path_code(number, columns[0].shape[-1], h, y, start, coupling)
            forward, backward = forward + code[0], backward + code[1]
        shape = {"C": columns[0].shape[-1], "P": len(paths), "O": self.outputs}
        shape |= {"H": sum(map(_dim, self.senders)), "Y": sum(map(_dim, harmonics))}
        code = {"real": real, "forward": forward, "backward": backward}
        self.library = build(CONVOLUTION % (shape | code))


class ProductKernel:
    """Kernel of a product basis: its polynomials as monomials with weights by channel."""

    def __init__(self, product: FoldedProduct, real: str) -> None:
        self.outputs = product.n_outputs
        n = product.quadratic.shape[-1] // self.outputs - 1
        pairs = list(itertools.combinations_with_replacement(range(n), 2))
        cubic = product.quadratic.unflatten(-1, (self.outputs, n + 1))
        linear = product.linear.unflatten(-1, (self.outputs, n + 1))
        first, index, weights = [0], [], []
        for output in range(self.outputs):
            terms: dict[tuple[int, ...], Tensor] = {}
            for p, i in (cubic[..., output, :].abs().amax((0, 1)) > LEAST).nonzero().tolist():
                key = tuple(sorted((*pairs[p], i)))
                terms[key] = terms.get(key, 0.0) + cubic[:, :, p, output, i]
            for (i,) in (linear[..., output, :].abs().amax((0, 1)) > LEAST).nonzero().tolist():
                terms[i, n, n] = linear[:, :, output, i]
            index += list(terms)
            weights += list(terms.values())
            first.append(len(index))
        self.first, self.index = torch.tensor(first), torch.tensor(index, dtype=torch.int32)
        self.weights = torch.stack(weights, 1).contiguous()
        shape = {"C": self.weights.shape[-1], "N": n, "O": self.outputs}
        self.library = build(PRODUCT % (shape | {"real": real}))


def _dim(irrep: str) -> int:
    return 2 * int(irrep[:-1]) + 1


def _starts(irreps: list[str]) -> dict[str, int]:
    ends = itertools.accumulate(map(_dim, irreps), initial=0)
    return dict(zip(irreps, ends, strict=False))


class Streaming:
    """Energy and forces of one structure, whose atoms are sorted by species."""

    def __init__(self, model: Any, atoms: Any, dtype: torch.dtype) -> None:
        with default_dtype(dtype):
            self.fast = Evaluator(model, [0, 1])
        real = "float" if dtype == torch.float32 else "double"
        self.dtype, self.r_cut_A = dtype, model.r_cut_A
        self.harmonics = self.fast.harmonics.irreps
        self.kernels = [
            (ConvolutionKernel(layer.convolution, self.harmonics, real), ProductKernel(p, real))
            for layer, p in ((layer, layer.product) for layer in self.fast.layers)
        ]
        receiver, sender, image = neighbour_list("ijS", atoms, self.r_cut_A + SKIN_A)
        order = np.lexsort((sender, receiver))
        self.receiver, self.sender = (torch.tensor(x[order]).long() for x in (receiver, sender))
        self.shifts = torch.tensor(image[order] @ atoms.cell.array)
        rows = np.bincount(receiver, minlength=len(atoms)).cumsum()
        self.first = torch.tensor([0, *rows.tolist()])
        self.counts = [int((atoms.numbers == z).sum()) for z in (1, 8)]

    def __call__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return energy in eV and forces in eV/Å."""
        positions = positions.detach().requires_grad_(True)
        energy = self._energy(positions)
        return energy.detach(), -torch.autograd.grad(energy, positions)[0]

    def _energy(self, positions: Tensor) -> Tensor:
        vectors = positions[self.sender] - positions[self.receiver] + self.shifts
        lengths = vectors.square().sum(-1).sqrt()
        units = (vectors / lengths[:, None]).to(self.dtype)[:, None]
        by_irrep = self.fast.harmonics(units)
        inside = (lengths < self.r_cut_A).to(self.dtype)[:, None]
        harmonics = torch.cat([by_irrep[ir][..., 0] for ir in self.harmonics], 1) * inside
        places = self.fast.knots.places(lengths)
        edges = (self.first, self.sender, places.interval)
        kinds = zip(self.fast.embedding, self.counts, strict=True)
        features = {SCALAR: torch.cat([h.expand(n, 1, -1) for h, n in kinds])}
        atomic: Any = 0.0
        for layer, readout, (convolution, product) in zip(
            self.fast.layers, self.fast.readouts, self.kernels, strict=True
        ):
            up = layer.linear_up(features)
            h = torch.cat([up[ir] for ir in convolution.senders], 1).contiguous()
            out = Convolve.apply(h, harmonics, places.t[..., 0], convolution, edges)
            parts = convolution.parts.items()
            joined = {ir: torch.cat([out[:, own] for own in owns], -1) for ir, owns in parts}
            features = self._after(layer, product, features, layer.convolution.linear(joined))
            atomic = atomic + readout(features)
        energy = (self.fast.scale * atomic + self.fast.shift).double().sum()
        for count, of_atom in zip(self.counts, self.fast.atomic_energies_eV, strict=True):
            energy = energy + count * of_atom
        return energy

    def _after(self, layer: Layer, product: ProductKernel, before: Any, messages: Any) -> Any:
        if not layer.residual:
            messages = layer._by_species(messages, self.counts)
        joined = torch.cat([messages[ir] for ir in layer.irreps], 1)
        products = Multiply.apply(joined, product, self.counts).split(layer.product.dims, dim=1)
        after = layer.product_linear(dict(zip(layer.product.irreps_out, products, strict=True)))
        if layer.use_skip:
            skipped = layer._by_species(before, self.counts)
            after = {ir: h + skipped[ir] if ir in skipped else h for ir, h in after.items()}
        return after


def main() -> None:
    """Measure each model that is named."""
    torch.set_num_threads(1)
    dtype = torch.float64 if "--double" in sys.argv else torch.float32
    for name in [arg for arg in sys.argv[1:] if arg in MODELS] or ["sym", "small", "two"]:
        model = build_model(MODELS[name]).to(dtype)
        atoms = water_slab(128, cross_section_A=12.42, cell_height_A=60.0, seed=1)
        atoms.rattle(0.03, seed=1)
        atoms = atoms[np.argsort(atoms.numbers, kind="stable")]
        begun = time.perf_counter()
        streaming = Streaming(model, atoms, dtype)
        positions = torch.tensor(atoms.positions)
        energy, forces = streaming(positions)
        first_s = time.perf_counter() - begun
        calculator = ModelCalculator(model, compiled=False)
        expected = calculator.get_potential_energy(atoms), calculator.get_forces(atoms)
        times = []
        for _ in range(CALLS):
            begun = time.process_time()
            streaming(positions)
            times.append(1000.0 * (time.process_time() - begun))
        print(
            f"{name}: first {first_s:.1f} s, then {np.median(times):.1f} ms "
            f"({1000.0 / np.median(times):.1f} a second); differs by "
            f"{abs(float(energy) - expected[0]):.1e} eV, "
            f"{np.abs(forces.numpy() - expected[1]).max():.1e} eV/Å"
        )


if __name__ == "__main__":
    main()
