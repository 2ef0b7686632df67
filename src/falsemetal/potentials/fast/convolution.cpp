// Sums over edges; COEFFICIENTS of an edge, and what is done with W channels FORWARD and BACKWARD,
// are written for the paths.

constexpr integer C = CHANNELS, H = SENDERS * C, O = OUTPUTS * C, SPLINE = PATHS * (DEGREE + 1) * C;

extern "C" void forward(integer parts, integer n, integer size, const integer* first,
    const integer* last, const integer* senders, const integer* interval, const real* places,
    const real* harmonics, const real* splines, const real* features, real* out) {
  in_parts(parts, n, [=](integer, integer begin, integer end) {
    for (integer i = begin; i < end; i++) {
      real sums[O] = {0};
      const real* own = features + i * H;
      for (integer e = first[i]; e < last[i]; e++) {
        const real *spline = splines + interval[e] * SPLINE, *h = features + senders[e] * H;
        const real t = DEGREE > 0 ? places[e] : 0;
        COEFFICIENTS
        for (integer c = 0; c < C; c += W) {
          FORWARD
        }
      }
      std::memcpy(out + i * O, sums, sizeof(sums));
    }
  });
}

extern "C" void backward(integer parts, integer n, integer size, const integer* first,
    const integer* last, const integer* senders, const integer* interval, const real* places,
    const real* harmonics, const real* splines, const real* features, const real* gradient,
    real* by_harmonics, real* by_places, real* by_features) {
  in_parts(parts, n, [=](integer part, integer begin, integer end) {
    real* mine = by_features + part * n * H;
    for (integer i = begin; i < end; i++) {
      real g[O];  // of its own, so that no store can change it
      std::memcpy(g, gradient + i * O, sizeof(g));
      const real* own = features + i * H;
      real* of_own = mine + i * H;
      for (integer e = first[i]; e < last[i]; e++) {
        const real *spline = splines + interval[e] * SPLINE, *h = features + senders[e] * H;
        real* of_sender = mine + senders[e] * H;
        const real t = DEGREE > 0 ? places[e] : 0;
        vec by_t = {0}, by_y[COMPONENTS] = {{0}};
        COEFFICIENTS
        for (integer c = 0; c < C; c += W) {
          BACKWARD
        }
        if (DEGREE > 0) by_places[e] = total(by_t);
        for (int b = 0; b < COMPONENTS; b++) by_harmonics[b * size + e] = total(by_y[b]);
      }
    }
  });
}
