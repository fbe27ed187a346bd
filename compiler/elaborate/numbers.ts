// Arithmetic known before a run: on numbers at compile time, and on host scalars, which become expressions. The names are those
// of the elementwise operations, so that one name means the same at compile time, on the host and on the device.

/** float64 meaning of what may be computed at compile time or by the host. */
export const arithmetic: Readonly<Record<string, (...values: number[]) => number>> = {
  negate: (a = 0) => -a,
  exp: (a = 0) => Math.exp(a),
  log: (a = 0) => Math.log(a),
  sqrt: (a = 0) => Math.sqrt(a),
  rsqrt: (a = 0) => 1 / Math.sqrt(a),
  tanh: (a = 0) => Math.tanh(a),
  sin: (a = 0) => Math.sin(a),
  cos: (a = 0) => Math.cos(a),
  abs: (a = 0) => Math.abs(a),
  sign: (a = 0) => Math.sign(a),
  floor: (a = 0) => Math.floor(a),
  ceil: (a = 0) => Math.ceil(a),
  add: (a = 0, b = 0) => a + b,
  subtract: (a = 0, b = 0) => a - b,
  multiply: (a = 0, b = 0) => a * b,
  divide: (a = 0, b = 0) => a / b,
  remainder: (a = 0, b = 0) => a % b,
  power: (a = 0, b = 0) => a ** b,
  maximum: (a = 0, b = 0) => Math.max(a, b),
  minimum: (a = 0, b = 0) => Math.min(a, b),
};

/** Comparisons at compile time. */
export const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  less: (a, b) => a < b,
  less_equal: (a, b) => a <= b,
  equal: (a, b) => a === b,
};
