// `iterate(f, x, times: n)`: f applied to x, to its own result, and so on, n times. It becomes a repeat with one carried value.
import { applyAll, parameter } from "../ir/build.ts";
import { topological } from "../ir/graph.ts";
import type { Span } from "../../grammar/source.ts";
import { poison, shapeText, type Meaning, type TensorMeaning } from "./meaning.ts";
import { asTensor, tensor } from "./tensors.ts";
import { fail, read, traced, type Workspace } from "./workspace.ts";

export function iterate(
  ws: Workspace,
  f: (values: readonly TensorMeaning[]) => Meaning,
  start: TensorMeaning,
  times: number,
  span: Span,
): Meaning {
  if (times < 1) return start;
  const origin = { ...ws.origin, source: span };
  const held = parameter(start.value, "held", origin);
  const { result, frame } = traced(ws, () => f([tensor(held, start.dimensions)]));
  if (result.kind === "poison") return poison;
  const { value, dimensions } = asTensor(ws, result, span);
  const misfit =
    value.type !== held.type ||
    value.shape.length !== held.shape.length ||
    value.shape.some((size, axis) => size !== held.shape[axis]);
  if (misfit) {
    const message = `what is iterated stays as it is in shape: ${shapeText(start.dimensions)} becomes ${shapeText(dimensions)}`;
    fail("FTL0715", span, message, "does not fit itself");
  }
  const reads = [...frame.reads.values()];
  const own = new Set([held, ...reads.map((each) => each.value)]);
  const isForeign = topological([value]).some(
    ({ operation, outputs }) => operation === "parameter" && outputs.some((output) => !own.has(output)),
  );
  if (isForeign) {
    const message = "what is iterated may use its own argument, variables and numbers, no other tensor";
    fail("FTL0717", span, message, "uses a tensor from outside");
  }
  const region = { parameters: [...reads.map((each) => each.value), held], results: [value] };
  const inputs = [...reads.map(({ declared }) => read(ws, declared)), start.value];
  const attributes = { count: times, constants: reads.length, carried: 1, reverse: false };
  const [last] = applyAll("repeat", inputs, attributes, [region], origin);
  return last === undefined ? poison : tensor(last, start.dimensions);
}
