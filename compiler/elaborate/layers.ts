// Layers: a body repeated with an index. Every layer is traced by itself, then runs of equal ones become one repeat: so a layer may
// depend on its index at compile time, and a model of equal layers is one body however deep it is. The first argument of a
// call runs through the layers; the others are the same for all.
import type { Layer } from "../../grammar/syntax.ts";
import { applyAll, parameter } from "../ir/build.ts";
import { topological, type Node, type Region, type Value } from "../ir/graph.ts";
import { inner, type Environment, type Owner, type Watched } from "./environment.ts";
import { evaluate, evaluateStatements, interpolate } from "./expressions.ts";
import {
  number,
  poison,
  type Declared,
  type FunctionMeaning,
  type Meaning,
  type RecordMeaning,
  type TensorMeaning,
} from "./meaning.ts";
import { join, type Place } from "./parts.ts";
import { asTensor, tensor } from "./tensors.ts";
import { fail, read, traced, type Frame, type Workspace } from "./workspace.ts";

/** `ownerAt` gives meaning to what a layer declares at its place. */
export function layerRecord(
  ws: Workspace,
  env: Environment,
  outer: Place,
  layer: Layer,
  ownerAt: (place: Place) => Owner,
): RecordMeaning {
  const range = evaluate(ws, env, layer.range);
  if (range.kind !== "range" || range.first === undefined || range.last === undefined) {
    return fail(
      "FTL0703",
      layer.range.span,
      "layers are counted by a range such as 0..<n",
      "not a range with both ends",
    );
  }
  const last = range.last + (range.inclusive ? 1 : 0);
  const named = (meaning: Meaning): string => {
    const scope = inner(env);
    scope.bindings.set(layer.index.text, meaning);
    return layer.at === undefined
      ? join(layer.name.text, String(meaning.kind === "number" ? meaning.value : "{i}"))
      : interpolate(ws, scope, layer.at);
  };
  const template = join(outer.shown, named({ kind: "string", value: "{i}" }));
  const watched: Watched = { name: layer.index.text, used: false };
  const bodies: Body[] = [];
  for (let index = range.first; index < last; index += 1) {
    const declared = new Map<string, Declared>();
    const place: Place = {
      path: join(outer.path, named(number(index))),
      local: "",
      shown: template,
      layer: { template, index },
      declared,
    };
    const own = { ...inner(env, ownerAt(place)), watched };
    own.bindings.set(layer.index.text, number(index));
    evaluateStatements(ws, own, layer.body.statements);
    bodies.push({ env: own, declared });
  }
  const call: FunctionMeaning["call"] = (passed, at) => {
    const given = passed.map(({ meaning, span }) => asTensor(ws, meaning, span));
    const steps = traceLayers(bodies, watched, (body) => traceLayer(ws, body, given, layer, at.span));
    return runs(steps).reduce<Meaning>(
      (x, run) =>
        x.kind === "tensor"
          ? repeated(ws, run, [x, ...given.slice(1)], layer, run.length === steps.length)
          : x,
      given[0] ?? poison,
    );
  };
  const forward: FunctionMeaning = { kind: "function", label: layer.name.text, call };
  return { kind: "record", label: layer.name.text, fields: new Map(), open: false, call: forward };
}

/** A layer's scope, and what it declares by local name. */
interface Body {
  readonly env: Environment;
  readonly declared: ReadonlyMap<string, Declared>;
}

/**
 * Every layer traced; but one that declares the same as an earlier one, in a body that never looks at its index, is that one with
 * other variables.
 */
function traceLayers(
  bodies: readonly Body[],
  watched: Watched,
  trace: (env: Environment) => Step,
): readonly Step[] {
  const known = new Map<string, Step>();
  return bodies.map(({ env, declared }): Step => {
    const signature = [...declared.values()]
      .map((each) => `${each.local} ${each.shape.join(" ")} ${each.type} ${treatment(each)}`)
      .join("\n");
    const like = watched.used ? undefined : known.get(signature);
    const step = like === undefined ? trace(env) : { ...like, frame: exchanged(like.frame, declared) };
    known.set(signature, step);
    return step;
  });
}

/** The frame with another layer's variables in the places of its own. */
function exchanged({ reads }: Frame, declared: ReadonlyMap<string, Declared>): Frame {
  const entries = [...reads.values()].map((read) => {
    const own = declared.get(read.declared.local);
    return read.declared.layer === undefined || own === undefined ? read : { ...read, declared: own };
  });
  return { reads: new Map(entries.map((read) => [read.declared.name, read])) };
}

/** One layer as a region over its arguments and what it read. */
interface Step {
  readonly arguments: readonly Value[];
  readonly frame: Frame;
  readonly result: TensorMeaning | undefined;
  readonly key: string;
}

function traceLayer(
  ws: Workspace,
  body: Environment,
  given: readonly TensorMeaning[],
  layer: Layer,
  at: Parameters<typeof asTensor>[2],
): Step {
  const forward = body.bindings.get("forward");
  if (forward?.kind !== "function")
    return fail("FTL0719", layer.name.span, `layer '${layer.name.text}' has no forward`, "needs forward(…)");
  const stands = given.map(({ value }, index) =>
    parameter(value, `argument_${index}`, { ...ws.origin, source: layer.span }),
  );
  const { result, frame } = traced(ws, () => {
    const passed = stands.map((value, index) => ({
      name: undefined,
      meaning: tensor(value, given[index]?.dimensions ?? []),
      span: at,
    }));
    const y = forward.call(passed, { kind: "missing", span: at });
    return y.kind === "poison" ? undefined : asTensor(ws, y, at);
  });
  if (result === undefined) return { arguments: stands, frame, result, key: "" };
  const reads = [...frame.reads.values()].map(({ value }) => value);
  return {
    arguments: stands,
    frame,
    result,
    key: [
      structure({ parameters: [...stands, ...reads], results: [result.value] }),
      ...[...frame.reads.values()].map(({ declared }) => treatment(declared)),
    ].join("\n"),
  };
}

/** How training treats a variable; the parts of a stack are treated alike. */
function treatment({ trainable, rate = 1 }: Declared): string {
  return `${trainable} ${rate}`;
}

/** Consecutive steps that do the same. */
function runs(steps: readonly Step[]): readonly (readonly Step[])[] {
  const found: Step[][] = [];
  for (const step of steps) {
    const current = found.at(-1);
    if (current?.[0]?.key === step.key) current.push(step);
    else found.push([step]);
  }
  return found;
}

function repeated(
  ws: Workspace,
  steps: readonly Step[],
  given: readonly TensorMeaning[],
  layer: Layer,
  whole: boolean,
): Meaning {
  const [first] = steps;
  if (first?.result === undefined) return poison;
  const [x, ...fixed] = given;
  const [carried, ...standing] = first.arguments;
  if (x === undefined || carried === undefined)
    return fail("FTL0719", layer.name.span, "a layer's forward needs an argument", "nothing to run through");
  const own = (declared: Declared): boolean => declared.layer !== undefined;
  const reads = [...first.frame.reads.values()];
  const shared = reads.filter(({ declared }) => !own(declared));
  const stacked = reads.filter(({ declared }) => own(declared));
  const stacks = stacked.map(({ declared }) => read(ws, stackOf(declared, steps, whole)));
  const region: Region = {
    parameters: [
      ...standing,
      ...shared.map(({ value }) => value),
      carried,
      ...stacked.map(({ value }) => value),
    ],
    results: [first.result.value],
  };
  const constants = [...fixed.map(({ value }) => value), ...shared.map(({ declared }) => read(ws, declared))];
  const attributes = { count: steps.length, constants: constants.length, carried: 1, reverse: false };
  const [y] = applyAll("repeat", [...constants, x.value, ...stacks], attributes, [region], {
    ...ws.origin,
    source: layer.span,
  });
  return y === undefined ? poison : tensor(y, first.result.dimensions);
}

/** The tensor of one name in all layers of a run, as one variable with the layers along its first axis. `whole`: the run is all layers. */
function stackOf(declared: Declared, steps: readonly Step[], whole: boolean): Declared {
  const parts = steps.map(({ frame }) => {
    const found = [...frame.reads.values()].find((each) => each.declared.local === declared.local);
    return found?.declared ?? declared;
  });
  const indices = parts.map(({ layer }) => layer?.index);
  const name = whole ? declared.shown : `${declared.shown}[${indices[0]}..${indices.at(-1)}]`;
  return { ...declared, name, layer: undefined, parts, shape: [steps.length, ...declared.shape] };
}

/** Equal for regions that compute the same from parameters of the same names. */
export function structure(region: Region): string {
  const numbers = new Map<Node, number>();
  const lines: string[] = [];
  const refer = ({ node, index }: Value): string => `${numbers.get(node) ?? -1}.${index}`;
  for (const node of topological([...region.parameters, ...region.results])) {
    numbers.set(node, numbers.size);
    const inner = node.regions.map(structure).join("|");
    lines.push(
      `${node.operation}(${node.inputs.map(refer).join(",")})${JSON.stringify(node.attributes)}{${inner}}`,
    );
  }
  return `${lines.join("\n")}>${region.results.map(refer).join(",")}`;
}
