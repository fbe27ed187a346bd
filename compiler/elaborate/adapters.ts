// Adapters around the parts of a model: the recipe's roles and names select parts, each gets the adapter's trained tensors and its
// forward, which sees the part's inputs, its output, its dimensions and, as `base`, the part itself.
import type { Declaration, Definition } from "../../grammar/syntax.ts";
import type { AdapterSettings } from "../language/settings.ts";
import { inner, type Environment, type Owner } from "./environment.ts";
import { evaluate, evaluateStatements, interpolate } from "./expressions.ts";
import { bindParameters } from "./functions.ts";
import {
  describe,
  shapeText,
  type Declared,
  type Dimension,
  type FunctionMeaning,
  type Meaning,
  type Passed,
  type RecordMeaning,
} from "./meaning.ts";
import { declaredShape, join, located, methodMeaning, type Part } from "./parts.ts";
import { asTensor } from "./tensors.ts";
import { fail, traced, type Workspace } from "./workspace.ts";

/** One `adapter` clause at work. */
export interface AdapterUse {
  readonly definition: Definition;
  readonly settings: AdapterSettings;
  /** The recipe's options as arguments of the definition. */
  readonly options: readonly Passed[];
  /** The selections of `on` that some part answered to; what is left over at the end is a mistake. */
  readonly answered: Set<string>;
  /** Paths of the parts that were adapted, in order. */
  readonly parts: string[];
  /** The fields of `adapter_config.json` that the definition names. */
  readonly fields: Map<string, Meaning>;
}

/** Whether a selection such as "attention", "all_linear" or "q_proj" means a part. */
function selects(selection: string, part: Part): boolean {
  const { path } = part.place;
  if (selection === `all_${part.definition.name.text}`) return part.role !== "head";
  return selection === part.role || selection === path || path.endsWith(`.${selection}`);
}

/** The part with every adapter that wants it, in the recipe's order. */
export function wrapped(
  ws: Workspace,
  record: RecordMeaning,
  part: Part,
  uses: readonly AdapterUse[],
): RecordMeaning {
  let result = record;
  for (const use of uses) {
    if (!use.definition.on.some(({ text }) => text === part.definition.name.text)) continue;
    const selections = use.settings.on.map(({ value }) => value);
    const chosen = selections.filter((selection) => selects(selection, part));
    if (selections.length > 0 ? chosen.length === 0 : part.role === "head") continue;
    for (const selection of chosen) use.answered.add(selection);
    use.parts.push(part.place.path);
    result = adapted(ws, result, part, use);
  }
  return result;
}

function adapted(ws: Workspace, base: RecordMeaning, part: Part, use: AdapterUse): RecordMeaning {
  const { definition } = use;
  const env = inner(undefined, adapterOwner(ws, part, use));
  for (const [name, meaning] of part.dimensions) env.bindings.set(name, meaning);
  env.bindings.set("base", base);
  bindParameters(ws, env, definition.name.text, definition.parameters, use.options, use.settings.span);
  evaluateStatements(ws, env, definition.body.statements);
  const forward = env.bindings.get("forward");
  if (forward?.kind !== "function" || base.call === undefined) {
    return fail(
      "FTL0719",
      definition.name.span,
      `adapter '${definition.name.text}' has no forward`,
      "needs forward(…)",
    );
  }
  const plain = base.call;
  const call: FunctionMeaning = {
    kind: "function",
    label: definition.name.text,
    call: (passed, at) =>
      forward.call([...passed, { name: undefined, meaning: plain.call(passed, at), span: at.span }], at),
  };
  const placed = located(ws, part.place, call);
  return { ...base, call: placed };
}

function adapterOwner(ws: Workspace, part: Part, use: AdapterUse): Owner {
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
      const local = join(use.settings.alias, part.place.local, key);
      const variable: Declared = {
        name: join(use.settings.alias, part.place.path, key),
        local,
        shown: join(use.settings.alias, part.place.shown, key),
        layer: part.place.layer,
        kind: "adapter",
        from: use.settings.start === undefined ? "state" : "adapter",
        key: `base_model.model.${part.place.path}.${key}`,
        initial: initialOf(ws, env, declaration, dimensions),
        adapter: use.settings.alias,
        trainable: true,
        rate: rateOf(ws, env, declaration),
        span: declaration.span,
        shape: dimensions.map(({ size }) => size),
        type: "f32",
      };
      part.place.declared?.set(variable.local, variable);
      env.bindings.set(declaration.name.text, { kind: "variable", variable, dimensions });
    },
    method: (method, env) => env.bindings.set(method.name.text, methodMeaning(ws, env, method)),
    peft: ({ options }, env) => {
      for (const option of options) {
        use.fields.set(option.path.map(({ text }) => text).join("."), evaluate(ws, env, option.value));
      }
    },
  };
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
    option.value.span,
    `'rate' takes a number above 0, found ${describe(rate)}`,
    "so many times the recipe's rate",
  );
}
