// Keyed random numbers (Salmon et al., 2011): a function of the run's seed, a purpose, the step and the element's place, so that neither
// the device, the time nor the micro-batch changes what is drawn, and nothing drawn has to be kept: it is drawn again.
import type { Span } from "../../grammar/source.ts";
import { sizeOf, type Value } from "../ir/graph.ts";
import { keysVariable } from "./io.ts";
import type { Meaning, Purpose } from "./meaning.ts";
import { number } from "./meaning.ts";
import { anonymous, asTensor, elementwise, tensor } from "./tensors.ts";
import { emit, read, type Workspace } from "./workspace.ts";

/** Draws that one purpose may have. */
const streams = 2;

/** Draws of one purpose in one step: parts (layers) times streams. Steps wrap around after 2^32 / 4096, a million. */
const drawsPerStep = 4096;

/** Uniform numbers in (0, 1) of a shape; `stream` (0 or 1) tells apart two draws for one purpose. */
export function randomUniform(
  ws: Workspace,
  shape: readonly number[],
  purpose: Purpose,
  stream: number,
  span: Span,
): Value {
  const count = sizeOf(shape);
  const filled = (value: number): Value =>
    emit(ws, span, "constant", [], { value, type: "u32", shape: [count] });
  const wide = (value: Value): Value => emit(ws, span, "broadcast", [value], { shape: [count] });
  const times = (value: Value, factor: number): Value =>
    emit(ws, span, "multiply", [wide(value), filled(factor)]);
  const plus = (a: Value, b: Value | undefined): Value =>
    b === undefined ? a : emit(ws, span, "add", [a, b]);
  const ofPart = purpose.part === undefined ? undefined : times(purpose.part, streams);
  const ofStep = purpose.step === undefined ? undefined : times(purpose.step, drawsPerStep);
  const high = [ofPart, ofStep].reduce(plus, filled(stream)) ?? filled(stream);
  const place = emit(ws, span, "iota", [], { shape: [count], axis: 0, type: "u32" });
  const seed = wide(read(ws, keysVariable(span)));
  const flat = emit(ws, span, "random", [seed, filled(hash(purpose.name)), high, place]);
  return emit(ws, span, "reshape", [flat], { shape });
}

/** Numbers of a shape from the standard normal distribution (Box and Muller, 1958). */
export function randomNormal(ws: Workspace, shape: readonly number[], purpose: Purpose, span: Span): Meaning {
  const dimensions = shape.map((size) => anonymous(size, span));
  const draw = (stream: number): Meaning =>
    tensor(randomUniform(ws, shape, purpose, stream, span), dimensions);
  const product = (a: Meaning, b: Meaning): Meaning => elementwise(ws, "multiply", [a, b], span);
  const apply = (operation: string, x: Meaning): Meaning => elementwise(ws, operation, [x], span);
  const radius = apply("sqrt", product(number(-2), apply("log", draw(0))));
  return product(radius, apply("cos", product(number(2 * Math.PI), draw(1))));
}

/** The number of the step, as random numbers are keyed with it: a u32 scalar. */
export function stepKey(ws: Workspace, span: Span): Value {
  const { value } = asTensor(ws, { kind: "scalar", expression: { name: "step" } }, span);
  return emit(ws, span, "cast", [value], { type: "u32" });
}

/** FNV-1a, 32 bits: gives each purpose a key of its own. */
export function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return state >>> 0;
}
