// `chunks(f, x, …, each: n)`: f on consecutive parts of the tensors along their first axis, the results joined. It becomes a repeat,
// so that what f makes exists for one part at a time. The parts are as large as `chunkBytes` allows for n floats an entry.
import type { Expression } from "../../grammar/syntax.ts";
import type { Span } from "../../grammar/source.ts";
import { applyAll, parameter } from "../ir/build.ts";
import type { Value } from "../ir/graph.ts";
import { poison, type FunctionMeaning, type Meaning, type TensorMeaning } from "./meaning.ts";
import { anonymous, asTensor, tensor } from "./tensors.ts";
import { drawing, emit, fail, read, traced, type Workspace } from "./workspace.ts";

/** Bytes that the widest value of one part may take. */
export const chunkBytes = 32 * 1024 * 1024;

/** Calls a function meaning with tensors. */
export function applied(f: FunctionMeaning, span: Span): (values: readonly TensorMeaning[]) => Meaning {
  const at: Expression = { kind: "missing", span };
  return (values) =>
    f.call(
      values.map((meaning) => ({ name: undefined, meaning, span })),
      at,
    );
}

/**
 * How many entries one part holds and how many parts there are. Parts divide the entries evenly where a divisor of at least half the
 * allowed size exists; otherwise the last part is filled up.
 */
function partition(entries: number, floatsEach: number): { readonly size: number; readonly count: number } {
  const allowed = Math.max(1, Math.floor(chunkBytes / 4 / floatsEach));
  if (entries <= allowed) return { size: entries, count: 1 };
  for (let size = allowed; size > allowed / 2; size -= 1)
    if (entries % size === 0) return { size, count: entries / size };
  const count = Math.ceil(entries / allowed);
  return { size: Math.ceil(entries / count), count };
}

export function chunks(
  ws: Workspace,
  f: (values: readonly TensorMeaning[]) => Meaning,
  tensors: readonly TensorMeaning[],
  floatsEach: number,
  span: Span,
): Meaning {
  const entries = tensors[0]?.dimensions[0]?.size;
  if (entries === undefined)
    return fail("FTL0711", span, "'chunks' needs a tensor with an axis to split", "missing here");
  const { size, count } = partition(entries, floatsEach);
  // Where parts of all rows are at work, nobody knows which row an element is of.
  const draws = ws.draws === undefined ? undefined : { ...ws.draws, rows: 0 };
  if (count === 1) return drawing(ws, draws, () => f(tensors));
  const stacked = tensors.map(({ value }) => {
    const rest = value.shape.slice(1);
    const missing = size * count - entries;
    const filler = value.type === "f32" ? 0 : -1;
    const full =
      missing === 0
        ? value
        : emit(
            ws,
            span,
            "concat",
            [
              value,
              emit(ws, span, "constant", [], { value: filler, type: value.type, shape: [missing, ...rest] }),
            ],
            { axis: 0 },
          );
    return emit(ws, span, "reshape", [full], { shape: [count, size, ...rest] });
  });
  const part = anonymous(size, span);
  const slices = stacked.map((value, index) =>
    parameter({ shape: value.shape.slice(1), type: value.type }, `part_${index}`, {
      ...ws.origin,
      source: span,
    }),
  );
  const { result, frame } = traced(ws, () =>
    drawing(ws, draws, () =>
      f(slices.map((value, index) => tensor(value, [part, ...(tensors[index]?.dimensions.slice(1) ?? [])]))),
    ),
  );
  if (result.kind === "poison") return poison;
  const { value, dimensions } = asTensor(ws, result, span);
  const reads = [...frame.reads.values()];
  const outer: Value[] = reads.map(({ declared }) => read(ws, declared));
  const region = { parameters: [...reads.map((each) => each.value), ...slices], results: [value] };
  const attributes = { count, constants: reads.length, carried: 0, reverse: false };
  const [joined] = applyAll("repeat", [...outer, ...stacked], attributes, [region], {
    ...ws.origin,
    source: span,
  });
  if (joined === undefined) return poison;
  const flat = emit(ws, span, "reshape", [joined], { shape: [size * count, ...value.shape.slice(1)] });
  const kept =
    size * count === entries
      ? flat
      : emit(ws, span, "slice", [flat], {
          starts: value.shape.map(() => 0),
          sizes: [entries, ...value.shape.slice(1)],
        });
  return tensor(kept, [tensors[0]?.dimensions[0] ?? part, ...dimensions.slice(1)]);
}
