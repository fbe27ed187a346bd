// Arithmetic on coordinates and addresses while a kernel is written: whole numbers as sums of multiples of loop variables,
// quotients and remainders by constants, kept in one normal form with their range.
//
// Always holds: equal keys mean equal numbers. Enough is simplified that an access which is the identity through any chain
// of reshapes, slices and broadcasts has the key of the plain variable; fusion, vector loads and in-place writes rest on it.
// An index whose `least` is below zero wraps around as u32 does; nothing is simplified across a division of such a one.

export interface Index {
  readonly terms: readonly Term[];
  readonly constant: number;
  /** The range, both ends included. */
  readonly least: number;
  readonly most: number;
  readonly key: string;
}

interface Term {
  readonly factor: number;
  readonly atom: Atom;
}

/** What is not taken apart further: a name of the kernel's text, or a division that leaves a rest. */
export type Atom =
  | {
      readonly kind: "variable";
      readonly key: string;
      readonly least: number;
      readonly most: number;
      readonly name: string;
    }
  | {
      readonly kind: "quotient" | "remainder";
      readonly key: string;
      readonly least: number;
      readonly most: number;
      readonly of: Index;
      readonly by: number;
    };

/** A number known when the kernel is written. */
export function constant(value: number): Index {
  return { terms: [], constant: value, least: value, most: value, key: String(value) };
}

export const zero: Index = constant(0);

/** A name in the kernel's text for a number from 0 up to `size`, excluded. */
export function variable(name: string, size: number): Index {
  if (size <= 1) return zero;
  return single({ kind: "variable", key: name, least: 0, most: size - 1, name });
}

/** The same number, known by other reasons to lie within a range. */
export function bounded(index: Index, least: number, most: number): Index {
  if (least === most) return constant(least);
  return { ...index, least: Math.max(index.least, least), most: Math.min(index.most, most) };
}

export function isConstant(index: Index): boolean {
  return index.terms.length === 0;
}

export function add(a: Index, b: Index): Index {
  if (isConstant(a) && a.constant === 0) return b;
  if (isConstant(b) && b.constant === 0) return a;
  return sum([...a.terms, ...b.terms], a.constant + b.constant, [a.least + b.least, a.most + b.most]);
}

export function scale(a: Index, factor: number): Index {
  if (factor === 0) return zero;
  if (factor === 1) return a;
  const ends = [a.least * factor, a.most * factor] as const;
  return sum(
    a.terms.map((term) => ({ factor: term.factor * factor, atom: term.atom })),
    a.constant * factor,
    factor > 0 ? ends : [ends[1], ends[0]],
  );
}

/** The whole part of a / k. */
export function quotient(a: Index, k: number): Index {
  if (k === 1) return a;
  if (a.least >= 0 && a.most < k) return zero;
  if (a.least < 0) return single(divided("quotient", a, k));
  if (isConstant(a)) return constant(Math.floor(a.constant / k));
  const { whole, rest } = takeMultiples(a, k);
  if (whole !== undefined) return add(whole, quotient(rest, k));
  const coarse = coarsen(a, k);
  if (coarse !== undefined) return quotient(coarse.part, k / coarse.step);
  const only = onlyAtom(a);
  if (only !== undefined && only.kind === "quotient") return quotient(only.of, only.by * k);
  if (only !== undefined && only.kind === "remainder" && only.by % k === 0) {
    return remainder(quotient(only.of, k), only.by / k);
  }
  return single(divided("quotient", a, k));
}

/** What is left of a after dividing by k. */
export function remainder(a: Index, k: number): Index {
  if (k === 1) return zero;
  if (a.least >= 0 && a.most < k) return a;
  if (a.least < 0) return single(divided("remainder", a, k));
  if (isConstant(a)) return constant(a.constant % k);
  const { whole, rest } = takeMultiples(a, k);
  if (whole !== undefined) return remainder(rest, k);
  const coarse = coarsen(a, k);
  if (coarse !== undefined)
    return add(scale(remainder(coarse.part, k / coarse.step), coarse.step), coarse.rest);
  const only = onlyAtom(a);
  if (only !== undefined && only.kind === "remainder" && only.by % k === 0) return remainder(only.of, k);
  return single(divided("remainder", a, k));
}

/** The address of an element: coordinates times distances. */
export function dot(coordinates: readonly Index[], strides: readonly number[]): Index {
  const parts = coordinates
    .map((coordinate, axis) => scale(coordinate, strides[axis] ?? 0))
    .filter((part) => part !== zero);
  const [first = zero] = parts;
  if (parts.length <= 1) return first;
  const total = (read: (part: Index) => number): number => parts.reduce((all, part) => all + read(part), 0);
  return sum(
    parts.flatMap(({ terms }) => terms),
    total((part) => part.constant),
    [total(({ least }) => least), total(({ most }) => most)],
  );
}

/** The elements between neighbours along each axis of a tensor that lies row by row. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis] ?? 1;
  }
  return strides;
}

/** The coordinates of the element with a number, counted row by row. */
export function unravel(flat: Index, shape: readonly number[]): Index[] {
  return stridesOf(shape).map((stride, axis) => {
    const size = shape[axis] ?? 1;
    return size === 1 ? zero : remainder(quotient(flat, stride), size);
  });
}

/** The number of an element, counted row by row. */
export function ravel(coordinates: readonly Index[], shape: readonly number[]): Index {
  return dot(coordinates, stridesOf(shape));
}

/** Splits a into step · part + offset with a constant offset in [0, step), where that is possible. */
export function aligned(
  a: Index,
  step: number,
): { readonly part: Index; readonly offset: number } | undefined {
  if (a.least < 0 || a.terms.some(({ factor }) => factor % step !== 0)) return undefined;
  const offset = a.constant % step;
  if (offset < 0) return undefined;
  const part = sum(
    a.terms.map(({ factor, atom }) => ({ factor: factor / step, atom })),
    (a.constant - offset) / step,
    [Math.floor(a.least / step), Math.floor(a.most / step)],
  );
  return { part, offset };
}

function single(atom: Atom): Index {
  return { terms: [{ factor: 1, atom }], constant: 0, least: atom.least, most: atom.most, key: atom.key };
}

function divided(kind: "quotient" | "remainder", of: Index, by: number): Atom {
  const sign = kind === "quotient" ? "/" : "%";
  const wraps = of.least < 0;
  const top = wraps ? 4294967295 : of.most;
  const most = kind === "quotient" ? Math.floor(top / by) : Math.min(top, by - 1);
  const least = kind === "quotient" && !wraps ? Math.floor(of.least / by) : 0;
  return { kind, key: `(${of.key})${sign}${by}`, least, most, of, by };
}

function onlyAtom(a: Index): Atom | undefined {
  const [first] = a.terms;
  return a.terms.length === 1 && a.constant === 0 && first?.factor === 1 ? first.atom : undefined;
}

/** a = k · whole + rest, where the terms that k divides go to `whole` and the rest is not negative. */
function takeMultiples(a: Index, k: number): { readonly whole: Index | undefined; readonly rest: Index } {
  const multiples = a.terms.filter(({ factor }) => factor % k === 0);
  const others = a.terms.filter(({ factor }) => factor % k !== 0);
  const constantRest = ((a.constant % k) + k) % k;
  const constantWhole = (a.constant - constantRest) / k;
  if (multiples.length === 0 && constantWhole === 0) return { whole: undefined, rest: a };
  const rest = sum(others, constantRest, multiples.length === 0 ? shifted(a, -constantWhole * k) : undefined);
  if (rest.least < 0) return { whole: undefined, rest: a };
  const whole = sum(
    multiples.map(({ factor, atom }) => ({ factor: factor / k, atom })),
    constantWhole,
  );
  return whole.least < 0 ? { whole: undefined, rest: a } : { whole, rest };
}

function shifted(a: Index, by: number): readonly [number, number] {
  return [a.least + by, a.most + by];
}

/** a = step · part + rest with 0 ≤ rest < step, for a step > 1 that divides k: then a / k = part / (k / step). */
function coarsen(
  a: Index,
  k: number,
): { readonly step: number; readonly part: Index; readonly rest: Index } | undefined {
  const steps = [...new Set(a.terms.map(({ factor }) => commonDivisor(Math.abs(factor), k)))].toSorted(
    (x, y) => y - x,
  );
  for (const step of steps) {
    if (step <= 1 || step === k) continue;
    const offset = ((a.constant % step) + step) % step;
    const rest = sum(
      a.terms.filter(({ factor }) => factor % step !== 0),
      offset,
    );
    if (rest.least < 0 || rest.most >= step) continue;
    const part = sum(
      a.terms
        .filter(({ factor }) => factor % step === 0)
        .map(({ factor, atom }) => ({ factor: factor / step, atom })),
      (a.constant - offset) / step,
    );
    if (part.least >= 0) return { step, part, rest };
  }
  return undefined;
}

function commonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** A sum in normal form. `range` is what is known of it beside what its terms say. */
function sum(terms: readonly Term[], offset: number, range?: readonly [number, number]): Index {
  const joined = recombine(gather(terms));
  let [least, most] = [offset + joined.constant, offset + joined.constant];
  for (const { factor, atom } of joined.terms) {
    least += factor * (factor > 0 ? atom.least : atom.most);
    most += factor * (factor > 0 ? atom.most : atom.least);
  }
  if (range !== undefined) {
    least = Math.max(least, range[0]);
    most = Math.min(most, range[1]);
  }
  const total = offset + joined.constant;
  const parts = joined.terms.map(({ factor, atom }) => (factor === 1 ? atom.key : `${factor}*${atom.key}`));
  const key =
    parts.length === 0
      ? String(total)
      : total === 0 && parts.length > 0
        ? parts.join("+")
        : `${parts.join("+")}+${total}`;
  return { terms: joined.terms, constant: total, least, most, key };
}

/** Terms of one atom put together, in the order of the atoms' keys. There are few: each finds its place from the end. */
function gather(terms: readonly Term[]): readonly Term[] {
  if (terms.length <= 1) return terms;
  const found: Term[] = [];
  for (const term of terms) {
    const { key } = term.atom;
    let at = found.length;
    while (at > 0 && (found[at - 1]?.atom.key ?? "") > key) at -= 1;
    const same = found[at - 1];
    if (same?.atom.key === key) found[at - 1] = { factor: same.factor + term.factor, atom: term.atom };
    else found.splice(at, 0, term);
  }
  return found.some(({ factor }) => factor === 0) ? found.filter(({ factor }) => factor !== 0) : found;
}

/** Puts together what was taken apart: k·(x / k) + x % k is x, and k·((x / k) % n) + x % k is x % (k·n). */
function recombine(start: readonly Term[]): { readonly terms: readonly Term[]; readonly constant: number } {
  let terms = start;
  let total = 0;
  if (terms.length < 2) return { terms, constant: total };
  for (let again = true; again;) {
    again = false;
    for (const low of terms) {
      const { atom, factor } = low;
      if (atom.kind !== "remainder" || atom.of.least < 0) continue;
      const high = terms.find(
        (other) => other.factor === factor * atom.by && isUpperPart(other.atom, atom.of, atom.by),
      );
      if (high === undefined) continue;
      const rest = terms.filter((other) => other !== low && other !== high);
      const whole = high.atom.kind === "remainder" ? remainder(atom.of, atom.by * high.atom.by) : atom.of;
      total += whole.constant * factor;
      terms = gather([
        ...rest,
        ...whole.terms.map((term) => ({ factor: term.factor * factor, atom: term.atom })),
      ]);
      again = true;
      break;
    }
  }
  return { terms, constant: total };
}

/** Whether an atom is x / by, or (x / by) % n. */
function isUpperPart(atom: Atom, x: Index, by: number): boolean {
  if (atom.kind === "quotient") return atom.by === by && atom.of.key === x.key;
  return atom.kind === "remainder" && atom.of.key === quotient(x, by).key;
}
