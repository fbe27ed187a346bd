// A model made from its architecture's definition and a config: parts that are modules, weights with their names in the
// checkpoint, layers that become one repeat, adapters around the parts a recipe selects. What comes out is a record whose call is
// the architecture's forward; nothing is traced until it is called.
import type { Span } from "../../grammar/source.ts";
import type { Declaration, Definition, Table } from "../../grammar/syntax.ts";
import type { ElementType } from "../ir/graph.ts";
import { wrapped, type Adapting, type AdapterUse } from "./adapters.ts";
import { inner, type Environment, type Owner } from "./environment.ts";
import { evaluate, evaluateStatements, interpolate } from "./expressions.ts";
import { heldIn, type FormatUse } from "./formats.ts";
import { bindParameters } from "./functions.ts";
import { layerRecord } from "./layers.ts";
import {
  number,
  shapeText,
  type Declared,
  type Dimension,
  type Meaning,
  type Passed,
  type RecordMeaning,
  type VariableMeaning,
} from "./meaning.ts";
import type { AdaptedPart } from "./merging.ts";
import {
  declaredShape,
  inside,
  join,
  located,
  methodMeaning,
  record,
  type Part,
  type Place,
} from "./parts.ts";
import { dimensionsOf } from "./sizes.ts";
import type { Spared } from "./spared.ts";
import { asTensor, casted } from "./tensors.ts";
import { fail, traced, type Workspace } from "./workspace.ts";

/** How the recipe wants the model's own weights. */
export interface ModelChoice {
  /** Storage of weights that do not train. */
  readonly frozen: ElementType;
  /** What the frozen weights of maps between spaces, such as linear modules, are held in instead. */
  readonly format: FormatUse | undefined;
  trains(name: string): boolean;
  /** Whether a weight belongs to a module that comes with the task: it is drawn where no file has it. */
  isAdded(name: string): boolean;
  /** Whether a method estimates the gradient of what trains under this name. */
  estimates(name: string): boolean;
  readonly adapters: readonly AdapterUse[];
  /** Takes the parts that are adapted. */
  readonly adapted: AdaptedPart[];
  /** Takes the parts that checkpointing is to spare. */
  readonly spared: Spared;
  /** The task's name and options. */
  readonly task: RecordMeaning;
}

/** The model that an architecture makes of a config. */
export function buildModel(
  ws: Workspace,
  architecture: Definition,
  config: RecordMeaning,
  choice: ModelChoice,
): RecordMeaning {
  const root: Place = { path: "", local: "", shown: "", layer: undefined };
  const bindings = new Map<string, Meaning>();
  const declares: RecordMeaning = {
    kind: "record",
    label: architecture.name.text,
    fields: bindings,
    open: false,
  };
  const { adapters, adapted, spared } = choice;
  const adapting = { adapters, adapted, spared, model: declares };
  const env: Environment = { bindings, parent: undefined, owner: ownerAt(ws, root, choice, adapting) };
  env.bindings.set("length", { kind: "number", value: ws.length.value, said: ws.length.span });
  env.bindings.set("task", choice.task);
  const passed: Passed[] = [{ name: undefined, meaning: config, span: architecture.name.span }];
  bindParameters(ws, env, architecture.name.text, architecture.parameters, passed, architecture.name.span);
  evaluateStatements(ws, env, architecture.body.statements);
  const part: Part = { what: "model", place: root, role: undefined, dimensions: new Map() };
  return wrapped(ws, record(architecture.name.text, env), part, adapting);
}

/** Gives meaning to what stands in the body of an architecture, a layer or a module at `place`. */
export function ownerAt(ws: Workspace, place: Place, choice: ModelChoice, adapting: Adapting): Owner {
  const states = new Map<string, VariableMeaning>();
  return {
    declare: (declaration, env) => {
      const { name, what } = declaration;
      if (what.text === "state") {
        const state = stateMeaning(ws, env, place, declaration);
        states.set(name.text, state);
        env.bindings.set(name.text, state);
        return;
      }
      const meaning =
        what.text === "weight"
          ? weight(ws, env, place, declaration, choice)
          : part(ws, env, place, declaration, choice, adapting);
      env.bindings.set(name.text, meaning);
    },
    passing: true,
    assign: (name, meaning, { span }) => {
      const state = states.get(name);
      if (state !== undefined) keep(ws, state, meaning, span);
    },
    table: (table, env) => env.bindings.set(table.name.text, tableMeaning(ws, env, place, table)),
    layer: (layer, env) =>
      env.bindings.set(
        layer.name.text,
        layerRecord(ws, env, place, layer, {
          ownerAt: (own) => ownerAt(ws, own, choice, adapting),
          adapted: (one, own) =>
            wrapped(ws, one, { what: "block", place: own, role: undefined, dimensions: new Map() }, adapting),
        }),
      ),
    method: (method, env) => env.bindings.set(method.name.text, methodMeaning(ws, env, method)),
  };
}

function pathOf(ws: Workspace, env: Environment, declaration: Declaration): string {
  return declaration.at === undefined ? declaration.name.text : interpolate(ws, env, declaration.at);
}

/** What a module keeps on the device from program to program, such as the keys of the positions so far. */
function stateMeaning(
  ws: Workspace,
  env: Environment,
  outer: Place,
  declaration: Declaration,
): VariableMeaning {
  const place = inside(outer, pathOf(ws, env, declaration));
  const dimensions = declaredShape(ws, env, declaration);
  const variable: Declared = {
    name: place.path,
    local: place.local,
    shown: place.shown,
    layer: place.layer,
    module: place.module,
    kind: "activations",
    from: "state",
    key: place.path,
    initial: declaration.initial === undefined ? undefined : evaluate(ws, env, declaration.initial),
    trainable: false,
    span: declaration.span,
    shape: dimensions.map(({ size }) => size),
    type: "f32",
  };
  place.declared?.set(variable.local, variable);
  return { kind: "variable", variable, dimensions };
}

/** Leaves a value in a state at the end of the program. */
function keep(ws: Workspace, { variable, dimensions }: VariableMeaning, meaning: Meaning, span: Span): void {
  const given = asTensor(ws, meaning, span);
  if (given.value.shape.join() !== variable.shape.join()) {
    const message = `the state has the shape ${shapeText(dimensions)}, its new value ${shapeText(given.dimensions)}`;
    fail("FTL0715", span, message, "does not fit");
  }
  const { writes } = ws.frame;
  if (ws.past === undefined)
    fail("FTL0707", span, `'${variable.shown}' is kept where rows come in pieces only`, "ask past() first");
  if (writes === undefined) {
    const message = `'${variable.shown}' cannot be kept where parts of rows are worked on`;
    fail("FTL0707", span, message, "inside chunks or iterate");
  }
  writes.set(variable.name, { declared: variable, value: casted(ws, given.value, variable.type, span) });
}

function weight(
  ws: Workspace,
  env: Environment,
  outer: Place,
  declaration: Declaration,
  choice: ModelChoice,
): Meaning {
  const place = inside(outer, pathOf(ws, env, declaration));
  const dimensions = declaredShape(ws, env, declaration);
  const stored = storedAxes(ws, env, declaration, dimensions);
  const trainable = choice.trains(place.path);
  const variable: Declared = {
    name: place.path,
    local: place.local,
    shown: place.shown,
    layer: place.layer,
    module: place.module,
    kind: "weights",
    from: choice.isAdded(place.path) ? "optional" : "checkpoint",
    key: place.path,
    initial: declaration.initial === undefined ? undefined : evaluate(ws, env, declaration.initial),
    trainable,
    estimated: trainable && choice.estimates(place.path),
    span: declaration.span,
    shape: (stored ?? dimensions).map(({ size }) => size),
    type: trainable ? "f32" : choice.frozen,
  };
  const held =
    choice.format !== undefined && isHeld(variable, dimensions)
      ? heldIn(ws, choice.format, variable, { use: "weight", signed: true })
      : variable;
  for (const each of held.held?.tensors ?? [held]) place.declared?.set(each.local, each);
  const order = stored === undefined ? undefined : dimensions.map((dimension) => stored.indexOf(dimension));
  return { kind: "variable", variable: held, dimensions, order };
}

/** Frozen matrices of modules that lead from one space to another ([in -> out]), but for the head: as QLoRA has it. */
export function isHeld({ module, trainable, from }: Declared, dimensions: readonly Dimension[]): boolean {
  const isMap = module?.isMap === true && module.role !== "head";
  return isMap && !trainable && from === "checkpoint" && dimensions.length >= 2;
}

/** The axes as the checkpoint has them, where the declaration says `stored`: the declared sizes, each once, in another order. */
function storedAxes(
  ws: Workspace,
  env: Environment,
  declaration: Declaration,
  dimensions: readonly Dimension[],
): readonly Dimension[] | undefined {
  const option = declaration.options.find(({ path: [name] }) => name?.text === "stored");
  if (option === undefined) return undefined;
  const { span } = option.value;
  const stored = dimensionsOf(evaluate(ws, env, option.value), span);
  const same = stored.length === dimensions.length && dimensions.every((each) => stored.includes(each));
  if (!same || new Set(dimensions).size !== dimensions.length)
    fail(
      "FTL0726",
      span,
      `'stored' takes the sizes of '${declaration.name.text}', each once`,
      "other sizes",
      {
        related: [{ span: declaration.name.span, label: "declared here" }],
      },
    );
  return stored.every((each, axis) => each === dimensions[axis]) ? undefined : stored;
}

function tableMeaning(ws: Workspace, env: Environment, place: Place, table: Table): Meaning {
  const { result, frame } = traced(ws, () => asTensor(ws, evaluate(ws, env, table.value), table.value.span));
  const [first] = frame.reads.values();
  if (first !== undefined) {
    fail(
      "FTL0717",
      table.value.span,
      `a table is computed at compile time and cannot read '${first.declared.name}'`,
      "not known at compile time",
    );
  }
  const path = join(place.path, table.name.text);
  const variable: Declared = {
    name: path,
    local: join(place.local, table.name.text),
    shown: path,
    layer: undefined,
    kind: "constants",
    from: "table",
    key: path,
    initial: result,
    trainable: false,
    span: table.span,
    shape: result.value.shape,
    type: "f32",
  };
  return { kind: "variable", variable, dimensions: result.dimensions };
}

/** A module at its place, its dimensions and options bound, adapters around it where they are wanted. */
function part(
  ws: Workspace,
  env: Environment,
  outer: Place,
  declaration: Declaration,
  choice: ModelChoice,
  adapting: Adapting,
): Meaning {
  const definition = ws.library.lookup("module", declaration.what.text, declaration.what.span);
  if (definition === undefined)
    return fail(
      "FTL0201",
      declaration.what.span,
      `there is no module '${declaration.what.text}'`,
      "unknown module",
    );
  const module = { name: definition.name.text, role: declaration.role?.text, isMap: definition.arrow };
  const place: Place = { ...inside(outer, pathOf(ws, env, declaration)), module };
  const own = inner(undefined, ownerAt(ws, place, choice, adapting));
  const given = declaredShape(ws, env, declaration);
  if (given.length !== definition.dimensions.length) {
    fail(
      "FTL0718",
      declaration.span,
      `'${definition.name.text}' has ${definition.dimensions.length} sizes, not ${given.length}`,
      "declared here",
      {
        related: [{ span: definition.name.span, label: "the module" }],
      },
    );
  }
  const dimensions = new Map<string, Meaning>();
  definition.dimensions.forEach(({ text }, index) => {
    const dimension = given[index];
    if (dimension !== undefined) dimensions.set(text, number(dimension.size, { ...dimension, label: text }));
  });
  for (const [name, meaning] of dimensions) own.bindings.set(name, meaning);
  if (!dimensions.has("length"))
    own.bindings.set("length", { kind: "number", value: ws.length.value, said: ws.length.span });
  const options = declaration.options.map((option): Passed => {
    const name = option.path.map(({ text }) => text).join(".");
    return { name, meaning: evaluate(ws, env, option.value), span: option.span };
  });
  bindParameters(ws, own, definition.name.text, definition.parameters, options, declaration.span);
  evaluateStatements(ws, own, definition.body.statements);
  const plain = record(definition.name.text, own);
  const made: Part = { what: definition.name.text, place, role: declaration.role?.text, dimensions };
  return wrapped(ws, { ...plain, call: located(ws, place, plain.call) }, made, adapting);
}
