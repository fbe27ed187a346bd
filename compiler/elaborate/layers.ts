// Layers: a body repeated with an index. Every layer is traced by itself, then what repeats becomes one repeat, whether all layers are
// equal or kinds of them take turns: so a layer may depend on its index at compile time, and a model is as few bodies as it has
// kinds of layers, however deep it is. The first argument of a call runs through the layers; the others are the same for all.
import type { Layer } from "../../grammar/syntax.ts";
import { parameter } from "../ir/build.ts";
import { topological, type Node, type Region, type Value } from "../ir/graph.ts";
import { layerCounter } from "./io.ts";
import { inner, type Environment, type Owner, type Watched } from "./environment.ts";
import { evaluate, evaluateStatements, interpolate } from "./expressions.ts";
import { runsOf } from "./layer-runs.ts";
import { repeated, type Step } from "./layer-stacks.ts";
import {
  number,
  poison,
  type Declared,
  type FunctionMeaning,
  type Meaning,
  type RecordMeaning,
  type TensorMeaning,
} from "./meaning.ts";
import { join, record, type Place } from "./parts.ts";
import { asTensor, tensor } from "./tensors.ts";
import { drawing, fail, traced, type Frame, type Workspace } from "./workspace.ts";

/** What a model makes of its layers. */
export interface Layering {
  /** Gives meaning to what a layer declares at its place. */
  ownerAt(place: Place): Owner;
  /** The layer with the adapters that are on it. */
  adapted(layer: RecordMeaning, place: Place): RecordMeaning;
}

export function layerRecord(
  ws: Workspace,
  env: Environment,
  outer: Place,
  layer: Layer,
  { ownerAt, adapted }: Layering,
): RecordMeaning {
  const range = evaluate(ws, env, layer.range);
  if (range.kind !== "range" || typeof range.first !== "number" || typeof range.last !== "number") {
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
  let numbered = false;
  const onUse = (): void => {
    numbered = true;
  };
  const watched: Watched = { name: layer.index.text, onUse };
  const bodies: Body[] = [];
  for (let index = range.first; index < last; index += 1) {
    const path = join(outer.path, named(number(index)));
    const counter = layerCounter(`number of ${path}`, counterName, { template, index }, layer.index.span);
    const declared = new Map<string, Declared>([[counter.local, counter]]);
    const place: Place = {
      path,
      local: "",
      shown: template,
      layer: { template, index },
      declared,
      numbered: { number: { ...number(index), counter }, count: last - range.first, onUse },
    };
    const own = { ...inner(env, ownerAt(place)), watched };
    own.bindings.set(layer.index.text, { ...number(index), counter });
    evaluateStatements(ws, own, layer.body.statements);
    bodies.push({ forward: adapted(record(layer.name.text, own), place).call, declared });
  }
  const call: FunctionMeaning["call"] = (passed, at) => {
    const given = passed.map(({ meaning, span }) => asTensor(ws, meaning, span));
    const steps = traceLayers(bodies, numbered, (body) => traceLayer(ws, body, given, layer, at.span));
    return runsOf(steps.map(({ key }) => key)).reduce<Meaning>(
      (x, run) => (x.kind === "tensor" ? repeated(ws, steps, run, [x, ...given.slice(1)], layer) : x),
      given[0] ?? poison,
    );
  };
  const forward: FunctionMeaning = { kind: "function", label: layer.name.text, call };
  return { kind: "record", label: layer.name.text, fields: new Map(), open: false, call: forward };
}

/** A layer's counter among what it declares. */
const counterName = "number";

/** What a layer does, and what it declares by local name. */
interface Body {
  readonly forward: FunctionMeaning | undefined;
  readonly declared: ReadonlyMap<string, Declared>;
}

/**
 * Every layer traced; but one that declares the same as an earlier one, in a body that never looks at its index, is that one with
 * other variables.
 */
function traceLayers(
  bodies: readonly Body[],
  numbered: boolean,
  trace: (body: Body) => Step,
): readonly Step[] {
  const known = new Map<string, Step>();
  return bodies.map((body): Step => {
    const { declared } = body;
    const signature = [...declared.values()]
      .map((each) => `${each.local} ${each.shape.join(" ")} ${each.type} ${treatment(each)}`)
      .join("\n");
    const like = numbered ? undefined : known.get(signature);
    const step = like === undefined ? trace(body) : { ...like, frame: exchanged(like.frame, declared) };
    known.set(signature, step);
    return step;
  });
}

/** The frame with another layer's variables in the places of its own. */
function exchanged({ reads, writes }: Frame, declared: ReadonlyMap<string, Declared>): Frame {
  const own = (list: Frame["reads"] | undefined): Frame["reads"] => {
    const entries = [...(list?.values() ?? [])].map((each) => {
      const like = declared.get(each.declared.local);
      return each.declared.layer === undefined || like === undefined ? each : { ...each, declared: like };
    });
    return new Map(entries.map((each) => [each.declared.name, each]));
  };
  return { reads: own(reads), writes: own(writes) };
}

function traceLayer(
  ws: Workspace,
  { forward, declared }: Body,
  given: readonly TensorMeaning[],
  { name, span }: Layer,
  at: Parameters<typeof asTensor>[2],
): Step {
  if (forward === undefined)
    return fail("FTL0719", name.span, `layer '${name.text}' has no forward`, "needs forward(…)");
  const stands = given.map(({ value }, index) =>
    parameter(value, `argument_${index}`, { ...ws.origin, source: span }),
  );
  const layer = declared.get(counterName);
  const draws = ws.draws === undefined ? undefined : { ...ws.draws, layer, drawn: new Map() };
  const work = (): TensorMeaning | undefined => {
    const passed = stands.map((value, index) => ({
      name: undefined,
      meaning: tensor(value, given[index]?.dimensions ?? []),
      span: at,
    }));
    const y = forward.call(passed, { kind: "missing", span: at });
    return y.kind === "poison" ? undefined : asTensor(ws, y, at);
  };
  const { result, frame } = traced(ws, () => drawing(ws, draws, work), {
    reads: new Map(),
    writes: new Map(),
  });
  if (result === undefined) return { arguments: stands, frame, result, key: "" };
  const reads = [...frame.reads.values()].map(({ value }) => value);
  const written = [...(frame.writes?.values() ?? [])];
  return {
    arguments: stands,
    frame,
    result,
    key: [
      structure({
        parameters: [...stands, ...reads],
        results: [result.value, ...written.map(({ value }) => value)],
      }),
      ...written.map(({ declared }) => declared.local),
      ...[...frame.reads.values()].map(({ declared }) => treatment(declared)),
    ].join("\n"),
  };
}

/** How training treats a variable; the parts of a stack are treated alike. */
function treatment({ trainable, estimated = false, rate = 1 }: Declared): string {
  return `${trainable} ${estimated} ${rate}`;
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
