// Adapters around the parts of a model: its modules, its layers ("block") and the model itself. The recipe's roles and names select
// parts, each gets the adapter's trained tensors and its forward, which sees the part's inputs, its output where it has a parameter
// left for it, its dimensions and, as `base`, the part itself.
import type { Definition } from "../../grammar/syntax.ts";
import type { AdapterSettings } from "../language/settings.ts";
import { adapterOwner, byPart, peftFields } from "./adapter-tensors.ts";
import { inner, type Environment, type Owner } from "./environment.ts";
import { groupsWith, optionsOf, type Group } from "./groups.ts";
import { evaluateStatements } from "./expressions.ts";
import { bindParameters, callBody } from "./functions.ts";
import {
  boolean,
  none,
  number,
  type Declared,
  type FunctionMeaning,
  type Meaning,
  type Passed,
  type RecordMeaning,
} from "./meaning.ts";
import type { AdaptedPart, MergeStep } from "./merging.ts";
import { located, type Part } from "./parts.ts";
import { drawRanks, type Draws } from "./ranks.ts";
import { whole } from "./sizes.ts";
import type { Spared } from "./spared.ts";
import { drawing, fail, type Workspace } from "./workspace.ts";

/** One `adapter` clause at work. */
export interface AdapterUse {
  readonly definition: Definition;
  readonly settings: AdapterSettings;
  /** The recipe's options as arguments of the definition. */
  readonly options: readonly Passed[];
  /** Positions that every document of a packed row begins with, for the adapter to fill; 0 where it fills none. */
  readonly room: number;
  /** Whether a method estimates the gradient of a tensor of this name. */
  readonly estimates: (name: string) => boolean;
  /** Modules with options of their own. */
  readonly groups: readonly Group[];
  /** The selections of `on` that some part answered to; what is left over at the end is a mistake. */
  readonly answered: Set<string>;
  /** Paths of the parts that were adapted, in order. */
  readonly parts: string[];
  /** Tensors that belong to the whole model and not to one part, by key. */
  readonly shared: Map<string, Declared>;
  /** The ranks that are drawn for it. */
  readonly draws: Draws;
  /** The fields of `adapter_config.json` that the definition names. */
  readonly fields: Map<string, Meaning>;
}

/** A model's adapters, what its architecture declares, and the parts that were adapted, in order. */
export interface Adapting {
  readonly adapters: readonly AdapterUse[];
  readonly model: RecordMeaning;
  readonly adapted: AdaptedPart[];
  /** Takes the parts that checkpointing is to spare. */
  readonly spared: Spared;
}

/** Whether a selection such as "attention", "all_linear" or "q_proj" means a part. */
export function selects(selection: string, part: Part): boolean {
  const { path } = part.place;
  if (selection === `all_${part.what}`) return part.role !== "head";
  return selection === part.role || selection === path || path.endsWith(`.${selection}`);
}

/** The part with every adapter that wants it, in the recipe's order. */
export function wrapped(
  ws: Workspace,
  record: RecordMeaning,
  part: Part,
  { adapters, model, adapted: parts, spared }: Adapting,
): RecordMeaning {
  spared.consider(part);
  let result = record;
  const steps: MergeStep[] = [];
  for (const use of adapters) {
    if (!use.definition.on.some(({ text }) => text === part.what)) continue;
    const selections = use.settings.on.map(({ value }) => value);
    const chosen = selections.filter((selection) => selects(selection, part));
    if (selections.length > 0 ? chosen.length === 0 : part.role === "head") continue;
    for (const selection of chosen) use.answered.add(selection);
    result = adapted(ws, result, part, use, model, steps);
  }
  if (steps.length > 0) parts.push({ place: part.place, base: record, steps });
  return result;
}

/** The part with one adapter, which joins the steps; as it is where the adapter declares nothing for it. */
function adapted(
  ws: Workspace,
  base: RecordMeaning,
  part: Part,
  use: AdapterUse,
  model: RecordMeaning,
  steps: MergeStep[],
): RecordMeaning {
  const { definition } = use;
  const own: Declared[] = [];
  const scope = given(ws, base, part, model);
  const groups = groupsWith(use.groups, part.place.path);
  const run = (owner: Owner, options: readonly Passed[]): Environment => {
    const env = inner(scope, owner);
    bindParameters(ws, env, definition.name.text, definition.parameters, options, use.settings.span);
    const { alias, span } = use.settings;
    drawRanks(ws, env, definition, { alias, whole: use.options, own: options, draws: use.draws, span });
    evaluateStatements(ws, env, definition.body.statements);
    return env;
  };
  // `adapter_config.json` says what holds where no group says otherwise, and by part what groups say.
  if (groups.length > 0) run({ peft: peftFields(ws, use, () => true) }, use.options);
  scope.bindings.set("by_part", byPart(groups.length > 0 ? part.place.path : undefined));
  const env = run(adapterOwner(ws, part, use, own, groups.length > 0), optionsOf(groups, use.options));
  const isPacked = use.room > 0 && part.what === "model";
  const forward = env.bindings.get(isPacked ? "packed" : "forward");
  if (isPacked && forward === undefined) return notPacked(use);
  if (forward === undefined && own.length === 0) return base;
  if (own.some(({ key }) => !use.shared.has(key))) use.parts.push(part.place.path);
  if (forward?.kind !== "function" || base.call === undefined) {
    return fail(
      "FTL0719",
      definition.name.span,
      `adapter '${definition.name.text}' has no forward`,
      "needs forward(…)",
    );
  }
  const merge = env.bindings.get("merge");
  steps.push({ use, merge: merge?.kind === "function" ? merge : undefined });
  const plain = base.call;
  const call: FunctionMeaning = {
    kind: "function",
    label: definition.name.text,
    call: (passed, at) => {
      const places = passed.filter(({ name }) => name === undefined).length;
      const draws = ws.draws === undefined ? undefined : { ...ws.draws, adapter: use.settings.alias };
      if (forward.parameters === places) return drawing(ws, draws, () => forward.call(passed, at));
      const result: Passed = { name: undefined, meaning: plain.call(passed, at), span: at.span };
      return drawing(ws, draws, () => forward.call([...passed, result], at));
    },
  };
  const placed = located(ws, part.place, call);
  return { ...base, call: placed };
}

/** The function `selected(names)` of an adapter: whether the part answers to one of them, as it would in the recipe's `on`. */
function selectedBy(part: Part): FunctionMeaning {
  const call: FunctionMeaning["call"] = ([names, ...more], at) => {
    if (names?.meaning.kind !== "list" || more.length > 0)
      return fail("FTL0711", at.span, "'selected' takes a list of roles and names", "called here");
    return boolean(
      names.meaning.elements.some((name) => name.kind === "string" && selects(name.value, part)),
    );
  };
  return { kind: "function", label: "selected", call };
}

/** What an adapter may name beside its parameters. */
function given(ws: Workspace, base: RecordMeaning, part: Part, model: RecordMeaning): Environment {
  const { path, numbered } = part.place;
  const onUse = numbered?.onUse ?? ((): void => undefined);
  const env: Environment = { ...inner(undefined), watched: { name: "layer", onUse } };
  const names: readonly (readonly [string, Meaning])[] = [
    ...part.dimensions,
    ["base", base],
    ["model", model],
    ["length", { kind: "number", value: ws.length.value, said: ws.length.span }],
    ["layer", numbered?.number ?? none],
    ["layers", numbered === undefined ? none : number(numbered.count)],
    ["path", { kind: "string", value: path }],
    ["name", { kind: "string", value: path.slice(path.lastIndexOf(".") + 1) }],
    ["selected", selectedBy(part)],
    ["by_part", byPart(undefined)],
  ];
  for (const [name, meaning] of names) env.bindings.set(name, meaning);
  return env;
}

/**
 * How many positions an adapter puts in front of every row's own: its method `front`, which sees the adapter's options alone.
 */
export function positionsInFront(
  ws: Workspace,
  { definition, options, settings }: Pick<AdapterUse, "definition" | "options" | "settings">,
): number {
  const front = definition.body.statements.find(
    (statement) => statement.kind === "method" && statement.name.text === "front",
  );
  if (front?.kind !== "method") return 0;
  const env = inner(undefined);
  bindParameters(ws, env, definition.name.text, definition.parameters, options, settings.span);
  return whole(callBody(ws, env, front, [], front.span), front.span);
}

/** The positions in front are the model's own only where an adapter of the model adds them; attention's stand beside the row. */
export function addsPositions({ definition }: Pick<AdapterUse, "definition">): boolean {
  return definition.on.some(({ text }) => text === "model");
}

/** An adapter that puts positions in front of a whole row, where a row is several documents. */
function notPacked({ definition, settings }: AdapterUse): never {
  const message = `adapter '${definition.name.text}' does not say what it does with rows of several documents`;
  const related = [{ span: definition.name.span, label: "it has no method 'packed'" }];
  return fail("FTL0748", settings.span, message, "write pack: false", { related });
}
