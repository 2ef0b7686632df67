// The function f(x) = x / (1 + exp(−x)) of numbers with their derivatives along a direction.

static inline real sigmoid(real x) {
  const real e = exponential(x > 0 ? -x : x);
  return (x > 0 ? 1 : e) / (1 + e);
}

extern "C" void forward(integer parts, integer n, const real* x, const real* dx, real* y, real* dy) {
  in_parts(parts, n, [=](integer, integer begin, integer end) {
#pragma omp simd
    for (integer i = begin; i < end; i++) {
      const real s = sigmoid(x[i]);
      y[i] = x[i] * s;
      dy[i] = dx[i] * s * (1 + x[i] * (1 - s));
    }
  });
}

extern "C" void backward(integer parts, integer n, const real* x, const real* dx, const real* by_y,
    const real* by_dy, real* by_x, real* by_dx) {
  in_parts(parts, n, [=](integer, integer begin, integer end) {
#pragma omp simd
    for (integer i = begin; i < end; i++) {
      const real s = sigmoid(x[i]), first = s * (1 + x[i] * (1 - s));
      const real second = s * (1 - s) * (2 + x[i] * (1 - 2 * s));
      by_x[i] = by_y[i] * first + by_dy[i] * dx[i] * second;
      by_dx[i] = by_dy[i] * first;
    }
  });
}
