// Edges within the cutoff, with their places on the knots and their harmonics.

extern "C" void forward(integer parts, double shortest, double spacing, double cutoff,
    integer n_intervals, integer n, integer size, const integer* first, const integer* senders,
    const double* shifts, const double* positions, const integer* tables, const integer* kinds,
    integer n_kinds, integer* last, integer* near, integer* interval, real* t, real* harmonics,
    real* units) {
  in_parts(parts, n, [=](integer, integer begin, integer end) {
    for (integer i = begin; i < end; i++) {
      integer e = first[i];
      for (integer m = first[i]; m < first[i + 1]; m++) {
        const double *a = positions + 3 * i, *b = positions + 3 * senders[m], *s = shifts + 3 * m;
        const double x = a[0] - b[0] + s[0], y = a[1] - b[1] + s[1], z = a[2] - b[2] + s[2];
        const double square = x * x + y * y + z * z;
        if (square >= cutoff * cutoff) continue;  // a position that is no number stays
        const double length = std::sqrt(square), inverse = 1.0 / length;
        const double place = (std::fmax(length, shortest) - shortest) / spacing;
        const integer whole = place < n_intervals ? (integer)place : n_intervals - 1;
        near[e] = senders[m];
        interval[e] = whole + n_intervals * tables[kinds[i] * n_kinds + kinds[senders[m]]];
        t[e] = place - whole;
        units[e] = x * inverse, units[size + e] = y * inverse, units[2 * size + e] = z * inverse;
        units[3 * size + e] = inverse;
        e++;
      }
      last[i] = e;
#pragma omp simd
      for (e = first[i]; e < last[i]; e++) {
        const real x = units[e], y = units[size + e], z = units[2 * size + e];
        POWERS
        HARMONICS
      }
    }
  });
}

extern "C" void backward(integer parts, double spacing, integer n, integer size,
    const integer* first, const integer* last, const integer* near, const real* units,
    const real* by_harmonics, const real* by_t, double* out) {
  in_parts(parts, n, [=](integer part, integer begin, integer end) {
    double* mine = out + part * 3 * n;
    for (integer i = begin; i < end; i++)
      for (integer e = first[i]; e < last[i]; e++) {
        const real x = units[e], y = units[size + e], z = units[2 * size + e];
        const real inverse = units[3 * size + e];
        POWERS
        real gx = 0, gy = 0, gz = 0;
        SLOPES
        const real along = by_t[e] / (real)spacing - inverse * (gx * x + gy * y + gz * z);
        const double by[] = {
            gx * inverse + along * x, gy * inverse + along * y, gz * inverse + along * z};
        for (int axis = 0; axis < 3; axis++) {
          mine[3 * i + axis] += by[axis];
          mine[3 * near[e] + axis] -= by[axis];
        }
      }
  });
}
