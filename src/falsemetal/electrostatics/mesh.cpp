// Multipoles spread on a mesh by B-splines of order 8, and derivatives read off it. Rows along the
// third axis go on for another 8 points, which are the first ones again.

constexpr int ORDER = 8;

namespace {
// of one axis: first mesh point, spline and two derivatives by the position, at ORDER points
struct Spline {
  integer first;
  real values[3][ORDER];

  Spline(double place, integer size) {
    const double below = std::floor(place);
    const real t = place - below;
    // where there is no place, values are no numbers
    const integer start = std::isfinite(place) ? ((integer)below - ORDER / 2 + 1) % size : 0;
    first = start < 0 ? start + size : start;
    real rows[ORDER + 1][ORDER] = {};  // by order of the spline
    rows[2][0] = 1 - t, rows[2][1] = t;
    for (int order = 3; order <= ORDER; order++)
      for (int j = 0; j < order; j++) {
        const real x = t + (order - 1 - j), lower = j > 0 ? rows[order - 1][j - 1] : 0;
        rows[order][j] = (x * lower + (order - x) * rows[order - 1][j]) / (order - 1);
      }
    for (int j = 0; j < ORDER; j++) {
      const real *once = rows[ORDER - 1], *twice = rows[ORDER - 2];
      values[0][j] = rows[ORDER][j];
      values[1][j] = (j > 0 ? once[j - 1] : 0) - once[j];
      values[2][j] =
          (j > 1 ? twice[j - 2] : 0) - 2 * (j > 0 ? twice[j - 1] : 0) + twice[j];
    }
  }
};
}  // namespace

extern "C" void spread(integer parts, integer n, integer n_x, integer n_y, integer n_z,
    const double* places, const real* charges, const real* dipoles, real* out) {
  const integer row = n_z + ORDER;
  in_parts(parts, n, [=](integer part, integer begin, integer end) {
    real* mine = out + part * n_x * n_y * row;
    for (integer i = begin; i < end; i++) {
      const double* at = places + 3 * i;
      const real q = charges[i], *m = dipoles + 3 * i;
      const Spline x(at[0], n_x), y(at[1], n_y), z(at[2], n_z);
      for (int a = 0; a < ORDER; a++)
        for (int b = 0; b < ORDER; b++) {
          const real both = x.values[0][a] * y.values[0][b];
          const real slope = x.values[1][a] * y.values[0][b] * m[0] +
                             x.values[0][a] * y.values[1][b] * m[1];
          real* to =
              mine + ((x.first + a) % n_x * n_y + (y.first + b) % n_y) * row + z.first;
          for (int c = 0; c < ORDER; c += W)
            store(to + c, load(to + c) + (q * both + slope) * load(z.values[0] + c) +
                              m[2] * both * load(z.values[1] + c));
        }
    }
  });
}

// derivatives by x, y, z, (0, 0, 0) first, as in the Python module's PARTS
extern "C" void gather(integer parts, integer n, integer n_x, integer n_y, integer n_z,
    const double* places, const real* potential, real* out) {
  const integer row = n_z + ORDER;
  in_parts(parts, n, [=](integer, integer begin, integer end) {
    for (integer i = begin; i < end; i++) {
      const double* at = places + 3 * i;
      const Spline x(at[0], n_x), y(at[1], n_y), z(at[2], n_z);
      vec sums[3][3][ORDER / W] = {};  // by derivatives by x and y
      for (int a = 0; a < ORDER; a++)
        for (int b = 0; b < ORDER; b++) {
          const real* from =
              potential + ((x.first + a) % n_x * n_y + (y.first + b) % n_y) * row + z.first;
          for (int c = 0; c < ORDER; c += W)
            for (int k = 0; k < 3; k++)
              for (int l = 0; k + l < 3; l++)
                sums[k][l][c / W] += x.values[k][a] * y.values[l][b] * load(from + c);
        }
      real* found = out + 10 * i;
      for (int k = 0; k < 3; k++)
        for (int l = 0; k + l < 3; l++)
          for (int d = 0; k + l + d < 3; d++) {
            vec sum = {0};
            for (int c = 0; c < ORDER; c += W) sum += sums[k][l][c / W] * load(z.values[d] + c);
            *found++ = total(sum);
          }
    }
  });
}
