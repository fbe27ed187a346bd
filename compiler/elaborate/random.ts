// Keyed random numbers (Salmon et al., 2011): a function of the run's seed, a purpose and the element's place, so that neither the
// device, the time nor the micro-batch changes what is drawn.
import type { Span } from "../../grammar/source.ts";
import { sizeOf, type Value } from "../ir/graph.ts";
import { keysVariable } from "./io.ts";
import type { Purpose } from "./meaning.ts";
import { emit, read, type Workspace } from "./workspace.ts";

/** Draws that one purpose may have. */
const streams = 2;

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
  const seed = emit(ws, span, "broadcast", [read(ws, keysVariable(span))], { shape: [count] });
  const streamOf = (): Value => {
    if (purpose.part === undefined) return filled(stream);
    const parts = emit(ws, span, "broadcast", [purpose.part], { shape: [count] });
    return emit(ws, span, "add", [emit(ws, span, "multiply", [parts, filled(streams)]), filled(stream)]);
  };
  const place = emit(ws, span, "iota", [], { shape: [count], axis: 0, type: "u32" });
  const flat = emit(ws, span, "random", [seed, filled(hash(purpose.name)), streamOf(), place]);
  return emit(ws, span, "reshape", [flat], { shape });
}

/** FNV-1a, 32 bits: gives each purpose a key of its own. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return state >>> 0;
}
