// `iterate(f, x, times: n)`: f applied to x, to its own result, and so on, n times. It becomes a repeat with one carried value. What f takes
// from outside is computed again in it from the parameters of the region around.
import { applyAll, parameter } from "../ir/build.ts";
import { topological } from "../ir/graph.ts";
import { copyRegion } from "../passes/rebuild.ts";
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
  const captured = topological([value]).flatMap(({ operation, outputs }) =>
    operation === "parameter" ? outputs.filter((output) => !own.has(output)) : [],
  );
  const region = { parameters: [...captured, ...reads.map((each) => each.value), held], results: [value] };
  const inputs = [...captured, ...reads.map(({ declared }) => read(ws, declared)), start.value];
  const constants = captured.length + reads.length;
  const attributes = { count: times, constants, carried: 1, reverse: false };
  const body = captured.length === 0 ? region : copyRegion(region);
  const [last] = applyAll("repeat", inputs, attributes, [body], origin);
  return last === undefined ? poison : tensor(last, start.dimensions);
}
