// Symmetry functions: FORWARD and BACKWARD, what is done around an atom, are written for the
// functions of its element.

constexpr integer F = FUNCTIONS;
constexpr real FAR = 4 * CUTOFF;
enum { X, Y, Z, SQUARE, INVERSE, DAMPING, SLOPE, GX, GY, GZ, FIELDS };

// tanh³(1 − r/cutoff), and its derivative by r²
static inline real cutoff(real r, real& slope) {
  const real x = 1 - r * (1 / CUTOFF), q = exponential(-2 * (x > 0 ? x : 0)), t = (1 - q) / (1 + q);
  slope = -3 * t * t * (1 - t * t) / (2 * CUTOFF * r);
  return t * t * t;
}

// neighbours of an atom by species, each with whole vectors of some beyond the cutoff after the last
namespace {
struct Surroundings {
  integer size;
  std::vector<real> numbers;
  std::vector<integer> atoms;
  integer counts[KINDS];
  Surroundings(integer size) : size(size), numbers(KINDS * FIELDS * size), atoms(KINDS * size) {}
  real* field(int kind, int name) { return numbers.data() + (kind * FIELDS + name) * size; }
  integer* members(int kind) { return atoms.data() + kind * size; }

  void gather(integer i, const integer* first, const integer* senders, const double* shifts,
      const double* positions, const integer* kinds) {
    std::memset(counts, 0, sizeof(counts));
    for (integer e = first[i]; e < first[i + 1]; e++) {
      const double *a = positions + 3 * i, *b = positions + 3 * senders[e], *s = shifts + 3 * e;
      const double x = a[0] - b[0] + s[0], y = a[1] - b[1] + s[1], z = a[2] - b[2] + s[2];
      if (x * x + y * y + z * z >= (double)CUTOFF * CUTOFF) continue;
      const int kind = kinds[senders[e]];
      const integer k = counts[kind]++;
      field(kind, X)[k] = x, field(kind, Y)[k] = y, field(kind, Z)[k] = z;
      members(kind)[k] = senders[e];
    }
    for (int kind = 0; kind < KINDS; kind++) {
      const integer n = counts[kind];
      real *x = field(kind, X), *y = field(kind, Y), *z = field(kind, Z);
      real *square = field(kind, SQUARE), *inverse = field(kind, INVERSE);
      real *damping = field(kind, DAMPING), *slope = field(kind, SLOPE);
      for (integer k = n; k < n + W; k++) x[k] = FAR, y[k] = z[k] = 0;  // whole vectors
#pragma omp simd
      for (integer k = 0; k < n + W; k++) {
        square[k] = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
        const real length = std::sqrt(square[k]);
        inverse[k] = 1 / length;
        damping[k] = cutoff(length, slope[k]);
      }
      for (int name : {GX, GY, GZ}) std::memset(field(kind, name), 0, (n + W) * sizeof(real));
    }
  }
};
}  // namespace

static inline integer whole(integer first, integer n) {
  return first + (n - first + W - 1) / W * W;
}

extern "C" void forward(integer parts, integer start, integer n, integer size, const integer* first,
    const integer* senders, const double* shifts, const double* positions, const integer* kinds,
    real* out) {
  in_parts(parts, n, [=](integer part, integer begin, integer end) {
    Surroundings near(size + W);
    for (integer i = begin; i < end; i++) {
      near.gather(start + i, first, senders, shifts, positions, kinds);
      real* values = out + i * F;
      FORWARD
    }
  });
}

extern "C" void backward(integer parts, integer start, integer n, integer size, integer n_atoms,
    const integer* first, const integer* senders, const double* shifts, const double* positions,
    const integer* kinds, const real* gradient, double* out) {
  in_parts(parts, n, [=](integer part, integer begin, integer end) {
    Surroundings near(size + W);
    double* mine = out + 3 * part * n_atoms;
    for (integer i = begin; i < end; i++) {
      near.gather(start + i, first, senders, shifts, positions, kinds);
      const real* g = gradient + i * F;
      BACKWARD
      // vectors are from the neighbour to the centre
      double* own = mine + 3 * (start + i);
      for (int kind = 0; kind < KINDS; kind++)
        for (integer k = 0; k < near.counts[kind]; k++)
          for (int axis = 0; axis < 3; axis++) {
            const double change = 2.0 * near.field(kind, GX + axis)[k];
            own[axis] += change;
            mine[3 * near.members(kind)[k] + axis] -= change;
          }
    }
  });
}
