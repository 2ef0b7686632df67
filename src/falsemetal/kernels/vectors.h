// What all kernels share: vectors of W numbers, and atoms shared out among threads.

typedef real vec __attribute__((vector_size(W * sizeof(real)), aligned(sizeof(real)), may_alias));
static inline vec load(const real* p) { return *(const vec*)p; }
static inline void store(real* p, vec v) { *(vec*)p = v; }

// by halves, as a sum one by one waits for every addition
template <int N>
static inline real sum_of(const real* p) {
  typedef real half
      __attribute__((vector_size(N / 2 * sizeof(real)), aligned(sizeof(real)), may_alias));
  real sums[N / 2];
  *(half*)sums = *(const half*)p + *(const half*)(p + N / 2);
  return sum_of<N / 2>(sums);
}

template <>
inline real sum_of<1>(const real* p) {
  return *p;
}

static inline real total(vec v) {
  real lanes[W];
  store(lanes, v);
  return sum_of<W>(lanes);
}

// of numbers from 0 down, of which those below −80 give next to nothing
static inline real exponential(real x) {
  x = x > -80 ? x : -80;
  const int32_t n = (int32_t)(x * (real)1.4426950408889634 - (real)0.5);
  const real f = (x - n * (real)0.693145751953125) - n * (real)1.428606820309417e-6;
  constexpr int DEGREE = sizeof(real) == 4 ? 7 : 13;
  real value = 1;
#pragma GCC unroll 16
  for (int k = DEGREE; k > 0; k--) value = value * f * ((real)1 / k) + 1;
  real scale;
  if constexpr (sizeof(real) == 4) {
    const int32_t bits = (n + 127) << 23;
    std::memcpy(&scale, &bits, sizeof(real));
  } else {
    const int64_t bits = (int64_t)(n + 1023) << 52;
    std::memcpy(&scale, &bits, sizeof(real));
  }
  return value * scale;
}

// calls work(part, begin, end) for equal parts of n atoms, each in a thread
template <class Work>
static void in_parts(integer parts, integer n, Work work) {
#pragma omp parallel for schedule(static, 1) num_threads(parts)
  for (integer part = 0; part < parts; part++) {
    const Work own = work;  // whose addresses are kept in registers
    own(part, n * part / parts, n * (part + 1) / parts);
  }
}
