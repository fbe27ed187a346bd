// A run of layers as one repeat: its body is the layers of one turn, each behind the other; what a layer reads of its own is a stack
// with one part a turn. In names, `{i}` becomes the layer's number at its place of the turn.
import type { Layer } from "../../grammar/syntax.ts";
import { applyAll } from "../ir/build.ts";
import { topological, type Region, type Value } from "../ir/graph.ts";
import { layerNumber, layersAt, type Run } from "./layer-runs.ts";
import { poison, type Declared, type Meaning, type TensorMeaning } from "./meaning.ts";
import { tensor } from "./tensors.ts";
import { emit, fail, read, type Frame, type Workspace } from "./workspace.ts";

/** One layer as a region over its arguments and what it read. */
export interface Step {
  /** The first runs through the layers, the others are the same for all. */
  readonly arguments: readonly Value[];
  readonly frame: Frame;
  readonly result: TensorMeaning | undefined;
  /** Equal for layers that do the same. */
  readonly key: string;
}

export function repeated(
  ws: Workspace,
  steps: readonly Step[],
  run: Run,
  given: readonly TensorMeaning[],
  layer: Layer,
): Meaning {
  const [x, ...fixed] = given;
  const turn = steps.slice(run.first, run.first + run.period);
  const [carried, ...standing] = turn[0]?.arguments ?? [];
  if (x === undefined || carried === undefined)
    return fail("FTL0719", layer.name.span, "a layer's forward needs an argument", "nothing to run through");

  const shared = new Map<string, { readonly declared: Declared; readonly value: Value }>();
  const stacked: Value[] = [];
  const stacks: Value[] = [];
  const written: Value[] = [];
  const kept: Declared[] = [];
  let last: TensorMeaning = tensor(carried, x.dimensions);
  for (const [place, { frame, arguments: taken, result }] of turn.entries()) {
    if (result === undefined) return poison;
    const known = new Map(
      taken.map((value, index) => [value, index === 0 ? last.value : (standing[index - 1] ?? value)]),
    );
    const number = layerNumber(run, place);
    for (const each of frame.reads.values()) {
      const { declared, value } = each;
      if (declared.layer === undefined) {
        const same = shared.get(declared.name) ?? each;
        shared.set(declared.name, same);
        known.set(value, same.value);
      } else {
        known.set(value, value);
        stacked.push(value);
        stacks.push(
          declared.from === "counter"
            ? numbersOf(ws, run, place, layer)
            : read(ws, stackOf(declared, layersAt(steps, run, place), number)),
        );
      }
    }
    last = tensor(relabelled(result.value, known, number), result.dimensions);
    for (const { declared, value } of frame.writes?.values() ?? []) {
      written.push(relabelled(value, known, number));
      kept.push(stackOf(declared, layersAt(steps, run, place), number));
    }
  }

  const region: Region = {
    parameters: [...standing, ...[...shared.values()].map(({ value }) => value), carried, ...stacked],
    results: [last.value, ...written],
  };
  const constants = [
    ...fixed.map(({ value }) => value),
    ...[...shared.values()].map(({ declared }) => read(ws, declared)),
  ];
  const attributes = {
    count: run.turns,
    constants: constants.length,
    carried: 1,
    reverse: false,
    ...(run.period === 1 ? {} : { blocks: run.period }),
  };
  const [y, ...left] = applyAll("repeat", [...constants, x.value, ...stacks], attributes, [region], {
    ...ws.origin,
    source: layer.span,
  });
  for (const [index, declared] of kept.entries()) {
    const value = left[index];
    if (value !== undefined) ws.frame.writes?.set(declared.name, { declared, value });
  }
  return y === undefined ? poison : tensor(y, last.dimensions);
}

/** The numbers of the layers at a place of a run, [turns] in i32. */
function numbersOf(ws: Workspace, { first, period, turns }: Run, place: number, layer: Layer): Value {
  const { span } = layer.range;
  const shape = [turns];
  const filled = (value: number): Value => emit(ws, span, "constant", [], { value, type: "i32", shape });
  const counted = emit(ws, span, "iota", [], { shape, axis: 0, type: "i32" });
  const spaced = period === 1 ? counted : emit(ws, span, "multiply", [counted, filled(period)]);
  return first + place === 0 ? spaced : emit(ws, span, "add", [spaced, filled(first + place)]);
}

/** The tensor of one name in some layers, as one variable with the layers along its first axis. */
function stackOf(declared: Declared, steps: readonly Step[], number: string): Declared {
  const parts = steps.map(({ frame }) => {
    const all = [...frame.reads.values(), ...(frame.writes?.values() ?? [])];
    const found = all.find((each) => each.declared.local === declared.local);
    return found?.declared ?? declared;
  });
  const name = declared.shown.replaceAll("{i}", number);
  return {
    ...declared,
    name,
    shown: name,
    layer: undefined,
    parts,
    shape: [steps.length, ...declared.shape],
  };
}

/** A value over other inputs, the layer's number put into the paths of what computes it. */
function relabelled(result: Value, known: Map<Value, Value>, number: string): Value {
  for (const node of topological([result])) {
    if (node.outputs.every((output) => known.has(output))) continue;
    const origin = { ...node.origin, path: node.origin.path.replaceAll("{i}", number) };
    const regions = node.regions.map(({ parameters, results }): Region => {
      const inside = new Map(parameters.map((parameter) => [parameter, parameter]));
      return { parameters, results: results.map((each) => relabelled(each, inside, number)) };
    });
    const inputs = node.inputs.map((input) => known.get(input) ?? input);
    const outputs = applyAll(node.operation, inputs, node.attributes, regions, origin);
    node.outputs.forEach((output, index) => known.set(output, outputs[index] ?? output));
  }
  return known.get(result) ?? result;
}
