// What optimizers do to one tensor, in plain float64 loops: written from the papers and PyTorch's documentation, to hold the
// library's definitions against.

/** A tensor as rows; a vector has one. */
export interface Parameter {
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
  readonly isMatrix: boolean;
}

/** Changes the parameter by its gradient. `s` counts updates from 1; `state` is kept from one to the next. */
export type Formula = (w: Parameter, g: Float64Array, s: number, state: Map<string, Float64Array>) => void;

function kept(state: Map<string, Float64Array>, name: string, size: number, initial = 0): Float64Array {
  const found = state.get(name) ?? new Float64Array(size).fill(initial);
  state.set(name, found);
  return found;
}

/** Runs a formula element by element with the states it names. */
function elementwise(
  names: readonly string[],
  step: (w: number, g: number, s: number, held: number[]) => number,
  initial = 0,
): Formula {
  return ({ values }, g, s, state) => {
    const states = names.map((name) => kept(state, name, values.length, initial));
    values.forEach((w, at) => {
      const held = states.map((each) => each[at] ?? 0);
      values[at] = step(w, g[at] ?? 0, s, held);
      states.forEach((each, index) => (each[at] = held[index] ?? 0));
    });
  };
}

const rms = (values: Float64Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

export const plain = (rate: number): Formula => elementwise([], (w, g) => w - rate * g);

export const adam = (rate: number, decay: number): Formula =>
  elementwise(["m", "v"], (w, g, s, held) => {
    const decayed = g + decay * w;
    const [m = 0, v = 0] = held;
    held[0] = 0.9 * m + 0.1 * decayed;
    held[1] = 0.999 * v + 0.001 * decayed * decayed;
    const [mean, square] = [(held[0] ?? 0) / (1 - 0.9 ** s), (held[1] ?? 0) / (1 - 0.999 ** s)];
    return w - (rate * mean) / (Math.sqrt(square) + 1e-8);
  });

export const lion = (rate: number, decay: number): Formula =>
  elementwise(["m"], (w, g, _, held) => {
    const [m = 0] = held;
    held[0] = 0.99 * m + 0.01 * g;
    return w * (1 - rate * decay) - rate * Math.sign(0.9 * m + 0.1 * g);
  });

export const dampened = (rate: number, momentum: number, dampening: number): Formula =>
  elementwise(["m"], (w, g, s, held) => {
    const [m = 0] = held;
    held[0] = s === 1 ? g : momentum * m + (1 - dampening) * g;
    return w - rate * (held[0] ?? 0);
  });

export const centered = (rate: number, momentum: number): Formula =>
  elementwise(["v", "a", "m"], (w, g, _, held) => {
    const [v = 0, a = 0, m = 0] = held;
    held[0] = 0.99 * v + 0.01 * g * g;
    held[1] = 0.99 * a + 0.01 * g;
    held[2] = momentum * m + g / (Math.sqrt((held[0] ?? 0) - (held[1] ?? 0) ** 2) + 1e-8);
    return w - rate * (held[2] ?? 0);
  });

export const adagrad = (rate: number, rateDecay: number, initial: number): Formula =>
  elementwise(
    ["total"],
    (w, g, s, held) => {
      held[0] = (held[0] ?? 0) + g * g;
      return w - ((rate / (1 + (s - 1) * rateDecay)) * g) / (Math.sqrt(held[0] ?? 0) + 1e-10);
    },
    initial,
  );

/** The second moment of Adafactor, and the gradient over its root. */
function factored(w: Parameter, g: Float64Array, s: number, state: Map<string, Float64Array>): Float64Array {
  const { rows, columns, isMatrix } = w;
  const beta = 1 - s ** -0.8;
  const square = g.map((value) => value * value + 1e-30);
  if (!isMatrix) {
    const v = kept(state, "v", g.length);
    square.forEach((value, at) => (v[at] = beta * (v[at] ?? 0) + (1 - beta) * value));
    return g.map((value, at) => value / Math.sqrt(v[at] ?? 0));
  }
  const [row, column] = [kept(state, "row", rows), kept(state, "column", columns)];
  const [own, across] = [new Float64Array(rows), new Float64Array(columns)];
  square.forEach((value, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    own[i] = (own[i] ?? 0) + value / columns;
    across[j] = (across[j] ?? 0) + value / rows;
  });
  own.forEach((value, i) => (row[i] = beta * (row[i] ?? 0) + (1 - beta) * value));
  across.forEach((value, j) => (column[j] = beta * (column[j] ?? 0) + (1 - beta) * value));
  const mean = row.reduce((sum, value) => sum + value, 0) / rows;
  return g.map((value, at) => {
    const moment = ((row[Math.floor(at / columns)] ?? 0) / mean) * (column[at % columns] ?? 0);
    return value / Math.sqrt(moment);
  });
}

export const adafactor =
  (rate: number, momentum: number, decay: number): Formula =>
  (w, g, s, state) => {
    const direction = factored(w, g, s, state);
    const limit = Math.max(1, rms(direction));
    const m = kept(state, "m", g.length);
    w.values.forEach((value, at) => {
      m[at] = momentum * (m[at] ?? 0) + ((1 - momentum) * rate * (direction[at] ?? 0)) / limit;
      w.values[at] = value - decay * rate * value - (m[at] ?? 0);
    });
  };

export const adalomo =
  (rate: number, decay: number): Formula =>
  (w, g, s, state) => {
    const direction = factored(w, g, s, state);
    const limit = Math.max(1, rms(direction));
    const own = rate * Math.max(1e-3, rms(w.values));
    w.values.forEach((value, at) => {
      w.values[at] = value - own * decay * value - (own * (direction[at] ?? 0)) / limit;
    });
  };

type Matrix = readonly Float64Array[];

const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) =>
    Float64Array.from({ length: b[0]?.length ?? 0 }, (_, j) =>
      row.reduce((sum, value, k) => sum + value * (b[k]?.[j] ?? 0), 0),
    ),
  );
const transposed = (a: Matrix): Matrix =>
  Array.from({ length: a[0]?.length ?? 0 }, (_, j) => Float64Array.from(a, (row) => row[j] ?? 0));

function newtonSchulz(given: Matrix, steps: number): Matrix {
  const norm = Math.sqrt(given.reduce((sum, row) => sum + row.reduce((s, value) => s + value * value, 0), 0));
  let x: Matrix = given.map((row) => row.map((value) => value / Math.max(norm, 1e-7)));
  for (let step = 0; step < steps; step += 1) {
    const a = times(x, transposed(x));
    const aa = times(a, a);
    const b = a.map((row, i) => row.map((value, j) => -4.775 * value + 2.0315 * (aa[i]?.[j] ?? 0)));
    const bx = times(b, x);
    x = x.map((row, i) => row.map((value, j) => 3.4445 * value + (bx[i]?.[j] ?? 0)));
  }
  return x;
}

export const muon =
  (rate: number, decay: number): Formula =>
  (w, g, s, state) => {
    const { rows, columns, isMatrix, values } = w;
    const m = kept(state, "m", g.length);
    const first = isMatrix ? 0.95 : 0.9;
    g.forEach((value, at) => (m[at] = first * (m[at] ?? 0) + (1 - first) * value));
    let step: Float64Array;
    if (isMatrix) {
      const ahead = g.map((value, at) => 0.95 * (m[at] ?? 0) + 0.05 * value);
      const matrix = Array.from({ length: rows }, (_, i) => ahead.slice(i * columns, (i + 1) * columns));
      const wide = rows > columns ? transposed(matrix) : matrix;
      const made = newtonSchulz(wide, 5);
      const scale = Math.sqrt(Math.max(1, rows / columns));
      const flat = (rows > columns ? transposed(made) : made).flatMap((row) => [...row]);
      step = Float64Array.from(flat, (value) => value * scale);
    } else {
      const v = kept(state, "v", g.length);
      g.forEach((value, at) => (v[at] = 0.95 * (v[at] ?? 0) + 0.05 * value * value));
      step = g.map((_, at) => {
        const root = Math.sqrt((v[at] ?? 0) / (1 - 0.95 ** s)) + 1e-8;
        return (m[at] ?? 0) / (1 - 0.9 ** s) / root;
      });
    }
    values.forEach((value, at) => (values[at] = value - rate * ((step[at] ?? 0) + decay * value)));
  };
