// WGSL text without a device: expressions are run as JavaScript and compared with the reference on the records' samples.
// Integers are taken as BigInt, whose division truncates as WGSL's does. The kernels' own tests run the text on a device.
import { expect, test } from "vitest";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { operations, operationOf } from "../../../compiler/ops/index.ts";
import { functionsOf } from "../../../compiler/ops/operation.ts";
import { literal } from "../../../compiler/ops/wgsl.ts";
import { regionOf, tensors, trials } from "./samples.ts";

/** WGSL's functions under their names, in float64. */
const library = {
  select: (b: unknown, a: unknown, condition: boolean): unknown => (condition ? a : b),
  inverseSqrt: (x: number): number => 1 / Math.sqrt(x),
  clamp: (x: number, low: number, high: number): number => Math.max(low, Math.min(high, x)),
  fma: (a: number, b: number, c: number): number => Math.fround(a * b + c),
  round: (x: number): number => (x % 1 === 0.5 || x % 1 === -0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
  exp2: (x: number): number => 2 ** x,
  f32: Number,
  i32: (x: number | boolean): number => Math.trunc(Number(x)),
  u32: (x: number | boolean): number => Math.trunc(Number(x)),
  bool: Boolean,
  bitcast_u32: (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0] ?? 0,
  ...Object.fromEntries(
    (["exp", "log", "log2", "sqrt", "tanh", "sin", "cos", "abs", "sign", "floor", "min", "max"] as const).map(
      (name) => [name, Math[name]],
    ),
  ),
};

/** A function of the named arguments whose body is WGSL. */
function compile(text: string, functions: string, names: readonly string[]): (...args: unknown[]) => unknown {
  const script = (wgsl: string): string =>
    wgsl
      .replaceAll(/(\d(?:[\d.]*(?:e[+-]?\d+)?))[fiu]\b/g, "$1")
      .replaceAll(
        /fn (\w+)\(([^)]*)\) -> \w+/g,
        (_, name: string, list: string) => `function ${name}(${list.replaceAll(/: \w+/g, "")})`,
      )
      .replaceAll(/bitcast<(\w+)>/g, "bitcast_$1")
      .replaceAll("let ", "const ")
      .replaceAll("var ", "let ")
      .replaceAll("==", "===")
      .replaceAll("!===", "!==");
  const body = `${script(functions)}; return ${script(text)};`;
  // oxlint-disable-next-line typescript/no-implied-eval -- the text is the project's own
  const made = new Function(...Object.keys(library), `return (${names.join(",")}) => { ${body} }`) as (
    ...given: unknown[]
  ) => (...args: unknown[]) => unknown;
  return made(...Object.values(library));
}

const elementwise = trials.filter(({ record, sample }) => {
  const exact = sample.inputs.some(({ type }) => type === "i32" || type === "u32") && record.name !== "cast";
  return record.lowering.kind === "elementwise" && !exact;
});

test.each(elementwise)("$title: its expression computes what it means", (trial) => {
  const { record, sample } = trial;
  if (record.lowering.kind !== "elementwise") return;
  const region = regionOf(trial);
  const [wanted] = interpret(region, tensors(sample));
  const names = sample.inputs.map((_, i) => `x${i}`);
  const types = sample.inputs.map(({ type }) => type);
  const text = record.lowering.wgsl(names, sample.attributes, region.results[0]?.type ?? "f32", types);
  const functions = functionsOf(record.lowering, region.results[0]?.type ?? "f32", types).join("");
  const f = compile(text, functions, names);
  wanted?.data.forEach((value, i) => {
    const args = sample.inputs.map(({ data, type }) => (type === "bool" ? data[i] === 1 : data[i]));
    expect(Number(f(...args))).toBeCloseTo(value, 6);
  });
});

test("no text holds a value that WGSL cannot say", () => {
  for (const { record, sample } of trials) {
    const { lowering } = record;
    const types = sample.inputs.map(({ type }) => type);
    if (lowering.kind !== "elementwise") continue;
    const text = lowering.wgsl(
      types.map((_, i) => `x${i}`),
      sample.attributes,
      types[0] ?? "f32",
      types,
    );
    expect(`${text}${functionsOf(lowering, "f32", ["f32"]).join("")}`).not.toMatch(/infinity|nan|undefined/i);
  }
});

test("the error function is good to 1.5e-7", () => {
  const record = operationOf("erf");
  const { lowering } = record;
  if (lowering.kind !== "elementwise") return;
  const f = compile("ftl_erf(x)", functionsOf(lowering, "f32", ["f32"]).join(""), ["x"]);
  const data = Float64Array.from({ length: 20001 }, (_, i) => Math.fround((i - 10000) / 1500));
  const type = { shape: [data.length], type: "f32" } as const;
  const [wanted] = record.evaluate([{ shape: type.shape, data }], {}, [type], [], interpret);
  let worst = 0;
  data.forEach((x, i) => (worst = Math.max(worst, Math.abs(Number(f(x)) - (wanted?.data[i] ?? NaN)))));
  expect(worst).toBeLessThan(1.2e-7);
});

test("sine and cosine are good to 2e-7 where f32 knows the angle, and near it beyond", () => {
  for (const name of ["sin", "cos"] as const) {
    const { lowering } = operationOf(name);
    if (lowering.kind !== "elementwise") return;
    const text = lowering.wgsl(["x"], {}, "f32", ["f32"]);
    const f = compile(text, functionsOf(lowering, "f32", ["f32"]).join(""), ["x"]);
    const worst = (reach: number): number => {
      let found = 0;
      for (let i = -20_000; i <= 20_000; i += 1) {
        const x = Math.fround((i / 20_000) * reach);
        found = Math.max(found, Math.abs(Number(f(x)) - Math[name](x)));
      }
      return found;
    };
    expect(worst(4)).toBeLessThan(1e-7);
    expect(worst(8_192)).toBeLessThan(2e-7);
    expect(worst(500_000)).toBeLessThan(2e-5);
  }
});

const views = trials.filter(({ record }) => record.lowering.kind === "view");

test.each(views)("$title: its coordinates lead to the element it means", (trial) => {
  const { record, sample } = trial;
  const { lowering } = record;
  if (lowering.kind !== "view") return;
  const region = regionOf(trial);
  const [output, [input]] = [region.results[0], tensors(sample)];
  const [wanted] = interpret(region, tensors(sample));
  if (output === undefined || input === undefined || wanted === undefined) throw new Error("no sample");
  const big = (text: string): unknown => {
    // oxlint-disable-next-line typescript/no-implied-eval -- the text is the project's own
    const run = new Function(`return ${text.replaceAll(/(\d)u\b/g, "$1n")};`) as () => unknown;
    return run();
  };
  wanted.data.forEach((value, i) => {
    let rest = i;
    const indices = output.shape.toReversed().map((size) => {
      const at = rest % size;
      rest = (rest - at) / size;
      return `${at}u`;
    });
    indices.reverse();
    const inside = lowering.inside?.(indices, sample.attributes, input.shape, output.shape) ?? "true";
    if (big(inside) === false) {
      expect(value).toBe(0);
      return;
    }
    const coordinates = lowering.index(indices, sample.attributes, input.shape, output.shape);
    expect(coordinates.length).toBe(input.shape.length);
    const place = coordinates.reduce(
      (sum, text, axis) => sum * (input.shape[axis] ?? 1) + Number(big(text)),
      0,
    );
    expect(input.data[place]).toBe(value);
  });
});

test("a reshape leaves alone the axes that both shapes share", () => {
  const { lowering } = operationOf("reshape");
  if (lowering.kind !== "view") throw new Error("no view");
  expect(lowering.index(["a", "b", "c", "d"], {}, [2, 48, 64], [2, 48, 4, 16])).toEqual([
    "a",
    "b",
    "(c * 16u + d)",
  ]);
  expect(lowering.index(["a", "b"], {}, [2, 3, 1, 4], [6, 4])).toEqual(["(a / 3u)", "(a % 3u)", "0u", "b"]);
  expect(lowering.index(["a"], {}, [1], [1])).toEqual(["0u"]);
  expect(lowering.index([], {}, [1, 1], [])).toEqual(["0u", "0u"]);
});

test("literals are exact", () => {
  expect(literal(0.1, "f32")).toBe("0.10000000149011612f");
  expect(literal(-1e30, "f32")).toBe("(-1.0000000150474662e+30f)");
  expect(literal(1, "f32")).toBe("1.0f");
  expect(literal(-0, "f32")).toBe("(-0.0f)");
  expect(literal(0.1, "bf16")).toBe("0.10009765625f");
  expect(literal(-2147483648, "i32")).toBe("i32(-2147483648)");
  expect(literal(4294967295, "u32")).toBe("4294967295u");
  expect(literal(1, "bool")).toBe("true");
});

test("folds begin at their identity", () => {
  for (const { name, lowering } of operations.values()) {
    if (lowering.kind !== "reduce") continue;
    for (const type of ["f32", "i32", "u32"] as const) {
      const f = compile(lowering.combine("a", "b"), "", ["a", "b"]);
      const identity = Number(compile(lowering.identity(type), "", [])());
      expect([name, type, f(identity, 3)]).toEqual([name, type, 3]);
    }
  }
});
