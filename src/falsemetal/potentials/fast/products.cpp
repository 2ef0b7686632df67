// Polynomials of the messages' components, of which the last is 1.
//
// Every output has components that stand ALONE, from OF_OUTPUT on, each of those the factors PAIR,
// from OF_ALONE on, which are the products of the components FIRST and SECOND.

constexpr integer C = CHANNELS, N = COMPONENTS, O = OUTPUTS;

static inline void prepare(const real* x, vec* a, vec* p) {
  for (int i = 0; i < N; i++) a[i] = load(x + i * C);
  a[N] = vec{} + 1;
  for (int q = 0; q < PAIRS; q++) p[q] = a[FIRST[q]] * a[SECOND[q]];
}

extern "C" void forward(integer parts, integer n, const real* weights, const real* x, real* out) {
  in_parts(parts, n, [=](integer, integer begin, integer end) {
    for (integer c = 0; c < C; c += W)
      for (integer i = begin; i < end; i++) {
        vec a[N + 1], p[PAIRS];
        prepare(x + i * N * C + c, a, p);
        const real* w = weights + c * OF_ALONE[OF_OUTPUT[O]];
        for (int o = 0; o < O; o++) {
          vec sum = {0};
          for (int m = OF_OUTPUT[o]; m < OF_OUTPUT[o + 1]; m++) {
            vec inner = {0};
            for (int q = OF_ALONE[m]; q < OF_ALONE[m + 1]; q++)
              inner += load(w + q * W) * p[PAIR[q]];
            sum += a[ALONE[m]] * inner;
          }
          store(out + (i * O + o) * C + c, sum);
        }
      }
  });
}

extern "C" void backward(integer parts, integer n, const real* weights, const real* x,
    const real* gradient, real* by_x) {
  in_parts(parts, n, [=](integer, integer begin, integer end) {
    for (integer c = 0; c < C; c += W)
      for (integer i = begin; i < end; i++) {
        vec a[N + 1], p[PAIRS], by_a[N + 1] = {{0}}, by_p[PAIRS] = {{0}};
        prepare(x + i * N * C + c, a, p);
        const real* w = weights + c * OF_ALONE[OF_OUTPUT[O]];
        for (int o = 0; o < O; o++) {
          const vec g = load(gradient + (i * O + o) * C + c);
          for (int m = OF_OUTPUT[o]; m < OF_OUTPUT[o + 1]; m++) {
            const vec scaled = g * a[ALONE[m]];
            vec inner = {0};
            for (int q = OF_ALONE[m]; q < OF_ALONE[m + 1]; q++) {
              const vec weight = load(w + q * W);
              inner += weight * p[PAIR[q]];
              by_p[PAIR[q]] += weight * scaled;
            }
            by_a[ALONE[m]] += g * inner;
          }
        }
        for (int q = 0; q < PAIRS; q++) {
          by_a[FIRST[q]] += by_p[q] * a[SECOND[q]];
          by_a[SECOND[q]] += by_p[q] * a[FIRST[q]];
        }
        for (int k = 0; k < N; k++) store(by_x + (i * N + k) * C + c, by_a[k]);
      }
  });
}
