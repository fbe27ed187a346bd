// Where a matrix product ends early: bounds that are known on the device only, such as a drawn rank, behind which an operand is zero
// (`until`). Comes in: a product in its region. Goes out: the bound of each axis of the product, and the text that reads bounds once, so that
// tiles can stop there. What tiles make of it changes no result: operands are zero behind a bound whatever a tile does.
import type { Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import type { Product } from "./product.ts";
import { Tracer, type Resolve, type Scene } from "./trace.ts";
import { Writer } from "./writer.ts";

/** Names of u32 values in `main`, the same for a whole workgroup: rows, columns and steps that are not below do not count. */
export interface Ends {
  readonly m: string | undefined;
  readonly n: string | undefined;
  readonly k: string | undefined;
}

export interface EndsText {
  readonly ends: Ends;
  readonly globals: readonly string[];
  /** Lines of `main` before everything that uses the names. */
  readonly lines: readonly string[];
  readonly workgroupMemory: number;
  /** How functions beside `main` name the bounds. */
  readonly resolve: Resolve;
}

/** `barriers`: the tile has some, so control flow must be seen to be the same in a workgroup. */
export function endsText(product: Product, region: Region, scene: Scene, barriers: boolean): EndsText {
  const bounds = boundsOf(product, region);
  const all = [...new Set([bounds.m, bounds.n, bounds.k].filter((bound) => bound !== undefined))];
  const name = (bound: Value | undefined): string | undefined =>
    bound === undefined ? undefined : `end_${all.indexOf(bound)}`;
  const writer = new Writer(1);
  const tracer = new Tracer(scene, writer);
  const values = all.map((bound) => tracer.expression(bound, []));
  const read = (to: (index: number) => string): string[] => [
    ...writer.text().split("\n"),
    ...values.map((value, index) => `  ${to(index)} = ${value};`),
  ];
  const each = (line: (index: number) => string): string[] => all.map((_, index) => line(index));
  const lines = barriers
    ? [
        "if (local.x == 0u && local.y == 0u) {",
        ...read((index) => `shared_end_${index}`),
        "}",
        ...each((index) => `let end_${index} = workgroupUniformLoad(&shared_end_${index});`),
        ...each((index) => `own_end_${index} = end_${index};`),
      ]
    : [
        "{",
        ...read((index) => `own_end_${index}`),
        "}",
        ...each((index) => `let end_${index} = own_end_${index};`),
      ];
  return {
    ends: { m: name(bounds.m), n: name(bounds.n), k: name(bounds.k) },
    globals: [
      ...each((index) => `var<private> own_end_${index}: u32;`),
      ...(barriers ? each((index) => `var<workgroup> shared_end_${index}: u32;`) : []),
    ],
    lines: all.length === 0 ? [] : lines,
    workgroupMemory: barriers ? all.length * 4 : 0,
    resolve: (value) => (all.includes(value) ? `own_end_${all.indexOf(value)}` : undefined),
  };
}

/** The bounds of the product's axes, read off its operands. */
export function boundsOf(
  { left, right, node, m, n }: Product,
  { parameters }: Region,
): { readonly [axis in keyof Ends]: Value | undefined } {
  const given = new Set(parameters);
  const [flipLeft, flipRight] = [node.attributes["transpose_a"], node.attributes["transpose_b"]];
  const of = (operand: Value, fromEnd: number): Value | undefined =>
    boundOf(operand, operand.shape.length - fromEnd, given);
  // Rows of several batches that are one matrix have no common bound.
  const isOwn = (operand: Value, fromEnd: number, size: number): boolean =>
    operand.shape.at(-fromEnd) === size;
  const [rows, columns] = [flipLeft === true ? 1 : 2, flipRight === true ? 2 : 1];
  return {
    m: isOwn(left, rows, m) ? of(left, rows) : undefined,
    n: isOwn(right, columns, n) ? of(right, columns) : undefined,
    k: of(left, 3 - rows) ?? of(right, 3 - columns),
  };
}

/** The bound from which on a value is zero along an axis, if its expression says one. Values in `given` are not looked into. */
export function boundOf(value: Value, axis: number, given: ReadonlySet<Value>): Value | undefined {
  if (given.has(value)) return undefined;
  const { node } = value;
  const { lowering } = operationOf(node.operation);
  const [source, bound] = node.inputs;
  if (source === undefined) return undefined;
  if (lowering.kind === "until") {
    const isHere = lowering.axis(node.attributes) === axis && bound?.shape.length === 0;
    return isHere ? bound : boundOf(source, axis, given);
  }
  if (lowering.kind === "view") {
    const names = value.shape.map((_, each) => `c${each}`);
    const places = lowering.index(names, node.attributes, source.shape, value.shape);
    const along = places.indexOf(names[axis] ?? "");
    return along < 0 ? undefined : boundOf(source, along, given);
  }
  // A cast keeps zeros.
  return node.operation === "cast" ? boundOf(source, axis, given) : undefined;
}
