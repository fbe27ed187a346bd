// What an adapter declares for a part of the model: trained tensors with PEFT's names, their first values and rates, methods, and the
// fields of `adapter_config.json`. A tensor may belong to the part, or to the whole model and be shared by all parts.
import type { Declaration } from "../../grammar/syntax.ts";
import type { AdapterUse } from "./adapters.ts";
import type { Environment, Owner } from "./environment.ts";
import { evaluate, interpolate } from "./expressions.ts";
import {
  describe,
  shapeText,
  type Declared,
  type Dimension,
  type FunctionMeaning,
  type Meaning,
} from "./meaning.ts";
import { movingOf } from "./moving.ts";
import { truth } from "./operators.ts";
import { declaredShape, join, methodMeaning, type Part, type Place } from "./parts.ts";
import { asTensor } from "./tensors.ts";
import { fail, traced, type Workspace } from "./workspace.ts";

/** `own` takes what the adapter declares for the part; a part of a group adds only values by part to the fields. */
export function adapterOwner(
  ws: Workspace,
  part: Part,
  use: AdapterUse,
  own: Declared[],
  grouped: boolean,
): Owner {
  return {
    declare: (declaration, env) => {
      if (declaration.what.text !== "train") {
        fail(
          "FTL0719",
          declaration.span,
          "an adapter declares what it trains: 'train NAME [shape] = initial'",
          "not a trained tensor",
        );
      }
      const key = declaration.at === undefined ? declaration.name.text : interpolate(ws, env, declaration.at);
      const dimensions = declaredShape(ws, env, declaration);
      const shared = part.what === "model" || isShared(ws, env, declaration);
      const place = shared ? wholeModel : part.place;
      const local = join(use.settings.alias, place.local, key);
      const variable: Declared = {
        name: join(use.settings.alias, place.path, key),
        local,
        shown: join(use.settings.alias, place.shown, key),
        layer: place.layer,
        kind: "adapter",
        from: use.settings.start === undefined ? "state" : "adapter",
        // PEFT names a module's tensors after the module; one that belongs to no module has its own name alone.
        key: shared ? key : `base_model.model.${place.path}.${key}`,
        initial: initialOf(ws, env, declaration, dimensions),
        adapter: use.settings.alias,
        trainable: true,
        rate: rateOf(ws, env, declaration),
        moving: movingOf(ws, env, declaration, dimensions),
        estimated: use.estimates(join(use.settings.alias, place.path, key)),
        span: declaration.span,
        shape: dimensions.map(({ size }) => size),
        type: "f32",
      };
      own.push(variable);
      place.declared?.set(variable.local, variable);
      env.bindings.set(declaration.name.text, { kind: "variable", variable, dimensions });
      if (shared) share(use, variable);
    },
    method: (method, env) => env.bindings.set(method.name.text, methodMeaning(ws, env, method)),
    peft: peftFields(ws, use, (value) => !grouped || value.kind === "record"),
  };
}

/** Takes the fields of `adapter_config.json` whose values are wanted. */
export function peftFields(
  ws: Workspace,
  use: AdapterUse,
  wanted: (value: Meaning) => boolean,
): NonNullable<Owner["peft"]> {
  return ({ options }, env) => {
    for (const option of options) {
      const name = option.path.map(({ text }) => text).join(".");
      const value = evaluate(ws, env, option.value);
      if (wanted(value)) use.fields.set(name, gathered(use.fields.get(name), value));
    }
  };
}

/** The function `by_part` of a definition: its argument under the part's path, or nothing for a part without options of its own. */
export function byPart(path: string | undefined): FunctionMeaning {
  const label = "by_part";
  return {
    kind: "function",
    label,
    parameters: 1,
    call: ([passed]) => {
      const entries = path === undefined || passed === undefined ? [] : [[path, passed.meaning] as const];
      return { kind: "record", label, fields: new Map(entries), open: false };
    },
  };
}

/** Lists and values by part are gathered over the parts that are adapted. */
function gathered(before: Meaning | undefined, now: Meaning): Meaning {
  if (before?.kind === "record" && now.kind === "record")
    return { ...now, fields: new Map([...before.fields, ...now.fields]) };
  if (before?.kind !== "list" || now.kind !== "list") return now;
  const known = new Set(before.elements.map((element) => JSON.stringify(element)));
  const added = now.elements.filter((element) => !known.has(JSON.stringify(element)));
  return { kind: "list", elements: [...before.elements, ...added] };
}

/** The place of a tensor that all parts share. */
const wholeModel: Place = { path: "", local: "", shown: "", layer: undefined };

/** The option `shared` of a declaration: one tensor for all parts that the adapter is on. */
function isShared(ws: Workspace, env: Environment, { options }: Declaration): boolean {
  const option = options.find(({ path }) => path[0]?.text === "shared");
  return option !== undefined && truth(evaluate(ws, env, option.value), option.value.span);
}

/** Takes a shared tensor; every part must mean the same one. */
function share(use: AdapterUse, variable: Declared): void {
  const { shape, span, key } = variable;
  const known = use.shared.get(key);
  if (known !== undefined && known.shape.join() !== shape.join()) {
    const shapes = `[${known.shape.join(", ")}] and [${shape.join(", ")}]`;
    fail(
      "FTL0735",
      span,
      `'${key}' is shared, but parts of the model give it the shapes ${shapes}`,
      "not one tensor",
    );
  }
  use.shared.set(key, variable);
}

/** The first value: a number, a draw, or a tensor that is computed from what the adapter stands on once that has its own. */
function initialOf(
  ws: Workspace,
  env: Environment,
  { initial, span }: Declaration,
  dimensions: readonly Dimension[],
): Meaning {
  if (initial === undefined)
    return fail(
      "FTL0719",
      span,
      "a trained tensor needs its first value",
      "add '= 0' or another initial value",
    );
  const { result } = traced(ws, () => evaluate(ws, env, initial));
  if (["number", "initial", "poison"].includes(result.kind)) return result;
  if (result.kind !== "tensor" && result.kind !== "variable") {
    return fail(
      "FTL0703",
      initial.span,
      `expected an initial value, found ${describe(result)}`,
      "not an initial value",
    );
  }
  const same = result.dimensions.map(({ size }) => size).join() === dimensions.map(({ size }) => size).join();
  if (!same) {
    fail(
      "FTL0715",
      initial.span,
      `the first value has the shape ${shapeText(result.dimensions)}, the tensor ${shapeText(dimensions)}`,
      "does not fit",
    );
  }
  return { kind: "initial", draw: () => asTensor(ws, evaluate(ws, env, initial), initial.span).value };
}

/** The option `rate`: the tensor's learning rate in units of the recipe's. */
function rateOf(ws: Workspace, env: Environment, { options }: Declaration): number {
  const option = options.find(({ path }) => path[0]?.text === "rate");
  if (option === undefined) return 1;
  const rate = evaluate(ws, env, option.value);
  if (rate.kind === "number" && rate.value > 0) return rate.value;
  return fail(
    "FTL0703",
    (rate.kind === "number" ? rate.said : undefined) ?? option.value.span,
    `'rate' takes a number above 0, found ${describe(rate)}`,
    "so many times the recipe's rate",
  );
}
