// Loss scaling (Micikevicius et al., 2018): gradients are made of a loss that is multiplied by a scale, so that they do not vanish in
// 16 bits, and divided by it when they are used. A step whose gradients are not finite is skipped: parameters, states and the count of
// updates stay as they are. A dynamic scale is halved then, and doubled after some steps in a row without.
//
// All of it is the device's: the host learns of a skipped step from its report, later. So the scalars of the update are a table, with a
// row for each number that the update can have, and the device takes the row by its own count.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import type { Value } from "../ir/graph.ts";
import type { Settings } from "../language/settings.ts";
import { scalarsVariable, stateVariable } from "./io.ts";
import { number, type Declared, type Meaning } from "./meaning.ts";
import type { Write } from "./programs.ts";
import { anonymous, asTensor, elementwise, tensor } from "./tensors.ts";
import { emit, read, scalarSlots, updateRows, type Workspace } from "./workspace.ts";

/** The scale itself where it is fixed; of a dynamic one, how many steps in a row without overflow double it. */
export type LossScale = { readonly doubling: number } | number;

/** A dynamic scale at first. */
const firstScale = 65_536;

/** Beyond these a scale does not go: with the smallest, what overflows is no gradient. */
const [smallest, largest] = [2 ** -14, 2 ** 100];

/** The variable that a dynamic scale is in. */
export const scaleName = "loss scale";

export function scaleVariable(span: Span): Declared {
  return { ...stateVariable(scaleName, "optimizer", span), initial: number(firstScale) };
}

/** The scale of the step at hand. */
export function scaleOf(scale: LossScale, span: Span): Meaning {
  return typeof scale === "number"
    ? number(scale)
    : { kind: "variable", variable: scaleVariable(span), dimensions: [] };
}

/** What makes a gradient of the loss itself from that of the scaled loss. */
export function inverseOf(ws: Workspace, scale: LossScale, span: Span): Meaning {
  return elementwise(ws, "divide", [number(1), scaleOf(scale, span)], span);
}

/** What gradients are multiplied by where their norm is a number, and −1 where the step is skipped: one scalar tells both. */
export function factorOrSkip(ws: Workspace, factor: Meaning, norm: Meaning, span: Span): Meaning {
  const isFinite = elementwise(ws, "is_finite", [norm], span);
  return elementwise(ws, "select", [isFinite, factor, number(-1)], span);
}

/** Whether a step with this factor is made. */
export function appliesBy(ws: Workspace, factor: Meaning, span: Span): Meaning {
  return elementwise(ws, "less_equal", [number(0), factor], span);
}

/**
 * The scalars of the update that the device is about to make, [slots / rows]: of the numbers that it can have, which the host gave from
 * the least on, the one that the device counts.
 */
export function scalarsNow(ws: Workspace, counted: Declared, span: Span): Value {
  const all = read(ws, scalarsVariable(scalarSlots, span));
  const count = scalarSlots / updateRows;
  const table = emit(ws, span, "reshape", [all], { shape: [count, updateRows] });
  const entries = (row: number): Meaning => {
    const column = emit(ws, span, "slice", [table], { starts: [0, row], sizes: [count, 1] });
    return tensor(emit(ws, span, "reshape", [column], { shape: [count] }), [anonymous(count, span)]);
  };
  const least: Meaning = { kind: "scalar", expression: { name: "update" } };
  const done = tensor(read(ws, counted), []);
  // 0 where the update is the first that it can be.
  const after = elementwise(ws, "subtract", [elementwise(ws, "add", [done, number(1)], span), least], span);
  const rows = Array.from({ length: updateRows }, (_, row) => row);
  const now = rows.reduceRight<Meaning>((later, row) => {
    if (row === updateRows - 1) return entries(row);
    const isRow = elementwise(ws, "less_equal", [after, number(row)], span);
    return elementwise(ws, "select", [isRow, entries(row), later], span);
  }, number(0));
  return asTensor(ws, now, span).value;
}

/** What a step leaves of a dynamic scale, and of the count of steps since it was changed. */
export function nextScale(ws: Workspace, scale: LossScale, applies: Meaning, span: Span): readonly Write[] {
  if (typeof scale === "number") return [];
  const [held, clean] = [scaleVariable(span), stateVariable("clean steps", "optimizer", span)];
  const of = (operation: string, ...operands: readonly Meaning[]): Meaning =>
    elementwise(ws, operation, operands, span);
  const now = scaleOf(scale, span);
  const counted = of("add", tensor(read(ws, clean), []), number(1));
  const isDue = of("less_equal", number(scale.doubling), counted);
  const grown = of("minimum", of("multiply", now, number(2)), number(largest));
  const shrunk = of("maximum", of("multiply", now, number(0.5)), number(smallest));
  const next = of("select", applies, of("select", isDue, grown, now), shrunk);
  const count = of("select", applies, of("select", isDue, number(0), counted), number(0));
  return [written(ws, held, next, span), written(ws, clean, count, span)];
}

function written(ws: Workspace, declared: Declared, meaning: Meaning, span: Span): Write {
  if (meaning.kind === "tensor") return { declared, value: meaning.value };
  const value = meaning.kind === "number" ? meaning.value : 0;
  return { declared, value: emit(ws, span, "constant", [], { value, type: "f32", shape: [] }) };
}

/** Where a recipe wants a loss scaled that no gradient is made of. */
export function scaledWithoutGradient({ method, precision }: Settings): readonly Diagnostic[] {
  if (method === undefined || precision.value === "f32" || precision.value.lossScale === "none") return [];
  const message = `loss scaling belongs to backpropagation, and the method '${method.name.value}' has gradients of its own`;
  const related = [{ span: method.span, label: "said here" }];
  return [problem("FTL0743", precision.span, message, "write loss_scale: none", { related })];
}
