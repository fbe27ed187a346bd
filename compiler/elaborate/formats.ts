// Tensors in a format of the library: its definition is run for one tensor, with the tensor's sizes. In: the tensor, the format that the
// recipe names. Out: the tensors that hold it, variables of their own that lie beside it, and how a value gets into them and out.
import { textOf, type Span } from "../../grammar/source.ts";
import type { Definition, Expression, Fields, Method } from "../../grammar/syntax.ts";
import { sizeOf, type ElementType, type Value } from "../ir/graph.ts";
import { structureOf } from "../ir/structure.ts";
import { inner, type Environment } from "./environment.ts";
import { evaluate, evaluateStatements, interpolate } from "./expressions.ts";
import { bindParameters, callBody } from "./functions.ts";
import {
  boolean,
  describe,
  none,
  number,
  type Declared,
  type Dimension,
  type Meaning,
  type Passed,
  type Stored,
  type StoredField,
  type TensorMeaning,
} from "./meaning.ts";
import { declaredShape, join } from "./parts.ts";
import { asTensor, casted } from "./tensors.ts";
import { emit, fail, Silenced, traced, type Workspace } from "./workspace.ts";

/** A format as the recipe asks for it. */
export interface FormatUse {
  readonly definition: Definition;
  readonly options: readonly Passed[];
  readonly span: Span;
  /** The tables that it has declared so far, told apart by what they hold. */
  readonly tables: Map<string, Declared>;
  /** What it is for tensors of the sizes seen so far. */
  readonly forms: Map<string, Form>;
}

export function formatUse(definition: Definition, options: readonly Passed[], span: Span): FormatUse {
  return { definition, options, span, tables: new Map(), forms: new Map() };
}

/** What is held: a model's weight, or a state of an optimizer. */
export interface Use {
  readonly use: "weight" | "state";
  /** Whether it may be below zero. */
  readonly signed: boolean;
}

/** A format run for tensors of one shape: the same for all of them but for the names of variables. */
interface Form {
  /** What its body has bound; the tensors' own names are bound anew for each tensor that is held. */
  readonly env: Environment;
  readonly tensors: readonly {
    readonly name: string;
    readonly at: string | undefined;
    readonly dimensions: readonly Dimension[];
    readonly type: ElementType;
    readonly span: Span;
  }[];
  readonly methods: ReadonlyMap<string, Method>;
  readonly stored: Stored | undefined;
  readonly blocks: string | undefined;
}

const types: readonly ElementType[] = ["u32", "i32", "f32", "f16", "bf16"];

/** The tensor with what holds it. */
export function heldIn(ws: Workspace, format: FormatUse, tensor: Declared, use: Use): Declared {
  const { definition, span } = format;
  const form = formOf(ws, format, tensor, use);
  const env = inner(form.env.parent);
  for (const [name, meaning] of form.env.bindings) env.bindings.set(name, meaning);
  const tensors: Declared[] = [];
  const method = (name: string): Method => {
    const found = form.methods.get(name);
    const { text, span: at } = definition.name;
    return found ?? fail("FTL0719", at, `format '${text}' has no ${name}`, `needs ${name}(…)`);
  };
  const decode = (): Value => {
    const { value } = asTensor(ws, callBody(ws, env, method("decode"), [], span), span);
    fits(value, tensor.shape, "decode gives", method("decode"));
    return emit(ws, span, "decoded", [casted(ws, value, "f32", span)]);
  };
  const encode = (value: Value): readonly Value[] => {
    const assigned = new Map<string, Meaning>();
    const own = inner(env, { assign: (name, meaning) => void assigned.set(name, meaning) });
    // Names that the body gives new values are bound anew each time.
    for (const [name, meaning] of env.bindings) own.bindings.set(name, meaning);
    const passed = { name: undefined, meaning: tensorMeaning(value, span), span };
    callBody(ws, own, method("encode"), [passed], span);
    return form.tensors.map(({ name, type, dimensions }) => {
      const made = assigned.get(name);
      if (made === undefined)
        return fail(
          "FTL0742",
          method("encode").span,
          `encode leaves '${name}' as it was`,
          "gives it no value",
        );
      const { value: written } = asTensor(ws, made, span);
      fits(
        written,
        dimensions.map(({ size }) => size),
        `encode gives '${name}'`,
        method("encode"),
      );
      return casted(ws, written, type, span);
    });
  };
  const touching = form.methods.get("touched");
  const touched = (moved: Value): readonly Value[] => {
    if (touching === undefined) return [];
    const passed = { name: undefined, meaning: tensorMeaning(moved, span), span };
    const result = callBody(ws, env, touching, [passed], span);
    const masks = result.kind === "tuple" ? result.elements : [result];
    return form.tensors.map(({ name, dimensions }, index) => {
      const mask = masks[index];
      if (mask === undefined)
        return fail("FTL0742", touching.span, `touched says nothing of '${name}'`, "too few");
      const { value } = asTensor(ws, mask, span);
      fits(
        value,
        dimensions.map(({ size }) => size),
        `touched gives '${name}'`,
        touching,
      );
      return casted(ws, value, "bool", span);
    });
  };
  const held: Declared = {
    ...tensor,
    held: {
      label: labelOf(format),
      tensors,
      decode,
      encode,
      touched: touching === undefined ? undefined : touched,
      stored: form.stored,
      blocks: form.blocks,
    },
  };
  for (const { name, dimensions, type, span: declared } of form.tensors) {
    const beside = (of: string): string => (use.use === "state" ? `${name} of ${of}` : join(of, name));
    const variable: Declared = {
      ...tensor,
      name: beside(tensor.name),
      local: beside(tensor.local),
      shown: beside(tensor.shown),
      shape: dimensions.map(({ size }) => size),
      type,
      trainable: false,
      holds: held,
      span: declared,
    };
    tensors.push(variable);
    env.bindings.set(name, { kind: "variable", variable, dimensions });
  }
  return held;
}

function tensorMeaning(value: Value, span: Span): Meaning {
  return { kind: "tensor", value, dimensions: value.shape.map((size) => ({ size, label: "", span })) };
}

function fits(value: Value, shape: readonly number[], what: string, { span }: Method): void {
  if (value.shape.join() === shape.join()) return;
  const message = `${what} [${value.shape.join(", ")}], not [${shape.join(", ")}]`;
  fail("FTL0742", span, message, "of another shape");
}

/** The definition run for a tensor's sizes, once for all tensors that have them. */
function formOf(ws: Workspace, format: FormatUse, { shape }: Declared, { use, signed }: Use): Form {
  const { definition, options, span, forms } = format;
  const key = `${use} ${signed} ${shape.join(" ")}`;
  const known = forms.get(key);
  if (known !== undefined) return known;
  const tensors: Form["tensors"][number][] = [];
  const methods = new Map<string, Method>();
  let blocks: string | undefined;
  const files: { readonly fields: Fields; readonly inside: Environment }[] = [];
  const scope = inner(undefined);
  const words: readonly (readonly [string, Meaning])[] = [
    ["shape", { kind: "list", elements: shape.map((size) => number(size)) }],
    ["count", number(sizeOf(shape))],
    ["use", { kind: "string", value: use }],
    ["signed", boolean(signed)],
  ];
  for (const [name, meaning] of words) scope.bindings.set(name, meaning);
  const env = inner(scope, {
    declare: (declaration, inside) => {
      const { name, role, at, span: declared } = declaration;
      const dimensions = declaredShape(ws, inside, declaration);
      const type = types.find((each) => each === (role?.text ?? "f32"));
      if (type === undefined)
        return fail(
          "FTL0741",
          role?.span ?? declared,
          `a tensor holds ${types.join(", ")}, not '${role?.text ?? ""}'`,
          "no such type",
        );
      const path = at === undefined ? undefined : interpolate(ws, inside, at);
      tensors.push({ name: name.text, at: path, dimensions, type, span: declared });
      inside.bindings.set(name.text, none);
    },
    table: (table, inside) => {
      const { name, value, span: declared } = table;
      const { result } = traced(ws, () => asTensor(ws, evaluate(ws, inside, value), value.span));
      const variable = tableOf(format, join(definition.name.text, name.text), {
        initial: result,
        shape: result.value.shape,
        span: declared,
      });
      inside.bindings.set(name.text, { kind: "variable", variable, dimensions: result.dimensions });
    },
    method: (method) => void methods.set(method.name.text, method),
    bitsandbytes: (fields, inside) => void files.push({ fields, inside }),
    gguf: (fields, inside) => void (blocks = blocksBy(ws, fields, inside)),
  });
  bindParameters(ws, env, definition.name.text, definition.parameters, options, span);
  const before = ws.diagnostics.length;
  evaluateStatements(ws, env, definition.body.statements);
  if (ws.diagnostics.slice(before).some(({ severity }) => severity === "error")) {
    // What goes wrong after the first refusal follows from it.
    ws.diagnostics.splice(before + 1);
    throw new Silenced();
  }
  const [file] = files;
  const names = tensors.map(({ at }) => at);
  const stored = file === undefined ? undefined : storedBy(ws, definition, file.fields, file.inside, names);
  const form = { env, tensors, methods, stored, blocks };
  forms.set(key, form);
  return form;
}

/** As the recipe writes it. */
function labelOf({ definition, options }: FormatUse): string {
  const given = options.map(({ name, meaning }) => `${name ?? ""}: ${plain(meaning)}`);
  return given.length === 0 ? definition.name.text : `${definition.name.text} { ${given.join(", ")} }`;
}

function plain(meaning: Meaning): string {
  return meaning.kind === "number" || meaning.kind === "boolean" || meaning.kind === "string"
    ? String(meaning.value)
    : describe(meaning);
}

/** The variable of a table; one for each content. */
function tableOf(
  { tables }: FormatUse,
  name: string,
  table: { readonly initial: TensorMeaning } & Pick<Declared, "shape" | "span">,
): Declared {
  const key = `${name} ${structureOf({ parameters: [], results: [table.initial.value] })}`;
  const known = tables.get(key);
  if (known !== undefined) return known;
  const alike = [...tables.keys()].filter((each) => each.startsWith(`${name} `)).length;
  const own = alike === 0 ? name : `${name} ${alike + 1}`;
  const names = { name: own, local: own, shown: own, key: own };
  const made: Declared = {
    ...table,
    ...names,
    layer: undefined,
    kind: "constants",
    from: "table",
    trainable: false,
    type: "f32",
  };
  tables.set(key, made);
  return made;
}

/** The type that `gguf { type: … }` names. */
function blocksBy(ws: Workspace, { options, span }: Fields, env: Environment): string {
  const [option, ...others] = options;
  const meaning = option === undefined ? none : evaluate(ws, env, option.value);
  if (
    meaning.kind === "string" &&
    others.length === 0 &&
    option?.path.map(({ text }) => text).join(".") === "type"
  )
    return meaning.value;
  return fail("FTL0703", span, 'gguf says the type of a file\'s tensors: gguf { type: "Q8_0" }', "not that");
}

/** What `bitsandbytes { … }` says: numbers and texts that must be so, and tables. */
function storedBy(
  ws: Workspace,
  definition: Definition,
  { options }: Fields,
  env: Environment,
  names: Stored["names"],
): Stored {
  let state = "";
  const fields = new Map<string, StoredField>();
  const tables = new Map<string, Declared>();
  for (const { path, value } of options) {
    const name = path.map(({ text }) => text).join(".");
    const meaning = evaluate(ws, env, value);
    const option = parameterIn(definition, value);
    if (meaning.kind === "variable" && meaning.variable.from === "table") tables.set(name, meaning.variable);
    else if (name === "state" && meaning.kind === "string") state = meaning.value;
    else if (meaning.kind === "number" || meaning.kind === "string")
      fields.set(name, { value: meaning.value, option });
    else if (meaning.kind === "none") fields.set(name, { value: undefined, option });
    else
      fail(
        "FTL0703",
        value.span,
        `expected a number, a text or a table, found ${describe(meaning)}`,
        "not that",
      );
  }
  return { state, fields, tables, names };
}

/** The first parameter that an expression names, or "". */
function parameterIn({ parameters }: Definition, expression: Expression): string {
  const words = new Set(textOf(expression.span).match(/\w+/g));
  return parameters.find(({ name }) => words.has(name.text))?.name.text ?? "";
}
