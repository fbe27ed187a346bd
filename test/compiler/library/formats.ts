// Formats of the library run on a tensor of some shape: regions that encode and decode, as elaboration builds them, in float64.
import { callDefinition } from "../../../compiler/elaborate/functions.ts";
import { formatUse, heldIn, type Use } from "../../../compiler/elaborate/formats.ts";
import type { Declared, Passed } from "../../../compiler/elaborate/meaning.ts";
import { traced, type Workspace } from "../../../compiler/elaborate/workspace.ts";
import { parameter } from "../../../compiler/ir/build.ts";
import type { Value } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { resolve } from "../../../compiler/language/resolve.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { round } from "../../../compiler/ops/rounding.ts";

export interface Ran {
  /** What each of the tensors holds, by its name. */
  encode(x: Tensor): ReadonlyMap<string, Tensor>;
  decode(held: ReadonlyMap<string, Tensor>): Tensor;
  /** For each tensor where it hangs on elements that moved. */
  touched(moved: Tensor): readonly Tensor[];
  /** The shapes of the tensors. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
}

const source = { path: "test.ftl", text: "" };
const span = { source, start: 0, end: 0 };

export function runFormat(
  name: string,
  options: Readonly<Record<string, number | boolean>>,
  shape: readonly number[],
  use: Use = { use: "weight", signed: true },
): Ran {
  const { scope } = resolve(source, () => undefined);
  const definition = scope.inLibrary("format", name);
  if (definition === undefined) throw new Error(`no format ${name}`);
  const ws: Workspace = {
    diagnostics: [],
    library: { lookup: (kind, wanted, from) => scope.lookup(kind, wanted, from.source.path) },
    callDefinition,
    length: { value: 1, span },
    scalars: [],
    frame: { reads: new Map() },
    origin: { source: undefined, recipe: undefined, path: "" },
  };
  const passed = Object.entries(options).map(([option, value]): Passed => {
    const meaning =
      typeof value === "number"
        ? ({ kind: "number", value } as const)
        : ({ kind: "boolean", value } as const);
    return { name: option, meaning, span };
  });
  const tensor: Declared = {
    name: "w",
    local: "w",
    shown: "w",
    layer: undefined,
    kind: "weights",
    from: "checkpoint",
    key: "w",
    initial: undefined,
    trainable: false,
    span,
    shape,
    type: "f32",
  };
  const { held } = heldIn(ws, formatUse(definition, passed, span), tensor, use);
  if (held === undefined) throw new Error("nothing holds it");
  const nameOf = (each: Declared): string =>
    use.use === "state" ? each.name.replace(/ of w$/, "") : each.name.slice(2);
  /** The region's results, its variables found in `known` or being tables. */
  const run = (
    work: () => readonly Value[],
    given: readonly [Value, Tensor][],
    known: ReadonlyMap<string, Tensor>,
  ) => {
    const { result, frame } = traced(ws, work);
    if (ws.diagnostics.length > 0) throw new Error(ws.diagnostics.map(({ message }) => message).join("\n"));
    const reads = [...frame.reads.values()];
    const values = reads.map(({ declared }): Tensor => {
      const table = declared.initial?.kind === "tensor" ? declared.initial.value : undefined;
      if (declared.from !== "table" || table === undefined) return found(known, nameOf(declared));
      const [made] = interpret({ parameters: [], results: [table] }, []);
      if (made === undefined) throw new Error("an empty table");
      // A table is stored in f32.
      return { shape: made.shape, data: made.data.map((each) => round(each, "f32")) };
    });
    const parameters = [...given.map(([value]) => value), ...reads.map(({ value }) => value)];
    return interpret({ parameters, results: result }, [...given.map(([, value]) => value), ...values]);
  };
  return {
    encode(x) {
      const input = parameter({ shape, type: "f32" }, "x");
      const made = run(() => held.encode(input), [[input, x]], new Map());
      return new Map(
        held.tensors.map((each, at) => [nameOf(each), made[at] ?? { shape: [], data: new Float64Array() }]),
      );
    },
    touched(moved) {
      const input = parameter({ shape, type: "bool" }, "moved");
      return run(() => held.touched?.(input) ?? [], [[input, moved]], new Map());
    },
    decode(known) {
      const [made] = run(() => [held.decode()], [], known);
      if (made === undefined) throw new Error("nothing decoded");
      return made;
    },
    tensors: new Map(held.tensors.map((each) => [nameOf(each), each.shape])),
  };
}

export function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`no ${name}`);
  return value;
}

/** The bytes of words. */
export function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(Uint32Array.from(data).buffer);
}
