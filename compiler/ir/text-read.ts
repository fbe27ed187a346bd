// Reads the textual form of `text.ts` back. Types are written and inferred: a text whose types do not agree with its
// operations is refused, so what comes out is as well formed as what `build.ts` makes. Any text gives a result or one
// located problem; nothing is thrown. The first problem ends the reading: this is a form for tools and tests.
import { isElementType, isMisfit, sameType, typeText } from "../ops/check.ts";
import { inferTypes, parameter } from "./build.ts";
import { makeNode } from "./graph.ts";
import type {
  Attribute,
  Attributes,
  HeldTensor,
  HostScalar,
  Initial,
  Module,
  Origin,
  Program,
  Region,
  ScalarExpression,
  TensorType,
  Value,
  Variable,
  VariableKind,
} from "./graph.ts";
import { Reader, Refusal } from "./text-reader.ts";
import { scan } from "./text-scan.ts";
import type { TextProblem } from "./text-scan.ts";

export type Reading<T> =
  | { readonly value: T; readonly problem: undefined }
  | { readonly value: undefined; readonly problem: TextProblem };

export function parseModule(text: string): Reading<Module> {
  return read(text, readModule);
}

export function parseRegion(text: string): Reading<Region> {
  return read(text, readRegion);
}

function read<T>(text: string, rule: (reader: Reader) => T): Reading<T> {
  const { tokens, problem } = scan(text);
  if (problem !== undefined) return { value: undefined, problem };
  const reader = new Reader(tokens);
  try {
    const value = rule(reader);
    reader.end();
    return { value, problem: undefined };
  } catch (refusal) {
    if (refusal instanceof Refusal) return { value: undefined, problem: refusal.problem };
    throw refusal;
  }
}

function readModule(reader: Reader): Module {
  reader.word("module");
  const name = reader.string();
  const variables: Variable[] = [];
  const scalars: HostScalar[] = [];
  const programs: Program[] = [];
  const held: HeldTensor[] = [];
  while (!reader.atEnd()) {
    if (reader.tryWord("variable")) variables.push(readVariable(reader));
    else if (reader.tryWord("held")) held.push(readHeld(reader));
    else if (reader.tryWord("scalar")) {
      const scalar = reader.string();
      reader.sign("=");
      scalars.push({ name: scalar, expression: readScalar(reader) });
    } else if (reader.tryWord("program")) programs.push(readProgram(reader));
    else reader.refuse("expected variable, scalar, held or program");
  }
  return { name, variables, scalars, programs, ...(held.length === 0 ? {} : { held }) };
}

const KINDS: readonly VariableKind[] = [
  "weights",
  "adapter",
  "gradients",
  "optimizer",
  "activations",
  "constants",
  "io",
];

function readVariable(reader: Reader): Variable {
  const name = reader.string();
  reader.sign(":");
  const type = readType(reader);
  const said = reader.name();
  const kind = KINDS.find((candidate) => candidate === said);
  if (kind === undefined) return reader.refuseLast(`${said} is no kind of variable: ${KINDS.join(", ")}`);
  const stack = reader.tryWord("stack");
  const home = readHome(reader);
  const from = reader.name();
  if (from === "table") {
    const origin = readOrigin(reader);
    return { name, ...type, kind, stack, initial: { from, region: readRegion(reader) }, ...home, origin };
  }
  const initial = readInitial(reader, from);
  return { name, ...type, kind, stack, initial, ...home, origin: readOrigin(reader) };
}

function readHome(reader: Reader): Pick<Variable, "home"> {
  if (!reader.tryWord("home")) return {};
  return reader.name() === "host" ? { home: "host" } : reader.refuseLast("expected host");
}

function readInitial(reader: Reader, from: string): Initial {
  switch (from) {
    case "checkpoint":
    case "optional":
    case "adapter":
      reader.sign("(");
      return { from, names: reader.list(")", () => reader.string()) };
    case "program":
    case "held":
    case "host":
    case "zero":
      return { from };
    default:
      return reader.refuseLast("expected checkpoint, optional, adapter, program, held, table, host or zero");
  }
}

function readScalar(reader: Reader): ScalarExpression {
  const number = reader.tryNumber();
  if (number !== undefined) return number;
  const name = reader.nameOrString();
  if (!reader.trySign("(")) return { name };
  return reader.nested(() => ({ apply: name, to: reader.list(")", () => readScalar(reader)) }));
}

function readHeld(reader: Reader): HeldTensor {
  const name = reader.string();
  reader.sign("{");
  const given = readAttributes(reader);
  const list = (value: Attribute | undefined): readonly Attribute[] => (Array.isArray(value) ? value : []);
  const texts = (value: Attribute | undefined): readonly string[] => list(value).map(String);
  const [state, fields, tables, names] = list(given["stored"]);
  return {
    name,
    names: texts(given["names"]),
    shape: list(given["shape"]).map(Number),
    format: String(given["format"]),
    staging: String(given["staging"]),
    program: String(given["program"]),
    tensors: texts(given["tensors"]),
    ...(given["blocks"] === undefined ? {} : { blocks: String(given["blocks"]) }),
    stored:
      state === undefined
        ? undefined
        : {
            state: String(state),
            fields: list(fields).map((field) => {
              const [own, option, value] = list(field);
              return {
                name: String(own),
                option: String(option),
                value: typeof value === "number" || typeof value === "string" ? value : undefined,
              };
            }),
            tables: list(tables).map((table) => {
              const [own, variable] = texts(table);
              return { name: own ?? "", variable: variable ?? "" };
            }),
            names: texts(names),
          },
  };
}

type Scope = Map<string, Value>;

function readProgram(reader: Reader): Program {
  const name = reader.string();
  const parts = reader.tryWord("each") ? reader.tryNumber() : undefined;
  const scope: Scope = new Map();
  const [parameters, results]: [Value[], Value[]] = [[], []];
  const [reads, writes]: [string[], string[]] = [[], []];
  reader.sign("{");
  while (!reader.trySign("}")) {
    if (reader.tryWord("write")) {
      writes.push(reader.string());
      reader.sign("=");
      results.push(readValue(reader, scope));
      continue;
    }
    const names = readNames(reader);
    if (reader.tryWord("read")) {
      const variable = reader.string();
      const own = reader.tryWord("as") ? reader.string() : variable;
      reads.push(variable);
      parameters.push(readParameter(reader, names, own, scope));
    } else readNode(reader, names, scope);
  }
  const program = { name, reads, writes, region: { parameters, results } };
  return parts === undefined ? program : { ...program, parts };
}

function readRegion(reader: Reader): Region {
  reader.sign("{");
  return reader.nested(() => {
    const scope: Scope = new Map();
    const parameters: Value[] = [];
    while (!reader.tryWord("yield")) {
      const names = readNames(reader);
      if (reader.tryWord("parameter")) parameters.push(readParameter(reader, names, reader.string(), scope));
      else readNode(reader, names, scope);
    }
    const results: Value[] = [];
    if (!reader.trySign("}")) {
      do results.push(readValue(reader, scope));
      while (reader.trySign(","));
      reader.sign("}");
    }
    return { parameters, results };
  });
}

/** The left-hand side: the names of the outputs, up to "=". */
function readNames(reader: Reader): readonly string[] {
  const names = [reader.valueName()];
  while (reader.trySign(",")) names.push(reader.valueName());
  reader.sign("=");
  return names;
}

function readParameter(reader: Reader, names: readonly string[], own: string, scope: Scope): Value {
  reader.sign(":");
  const type = readType(reader);
  const value = parameter(type, own, readOrigin(reader));
  define(reader, names, [value], scope);
  return value;
}

function readNode(reader: Reader, names: readonly string[], scope: Scope): void {
  const operation = reader.name();
  if (operation === "parameter") reader.refuseLast("a parameter has no place here");
  const inputs: Value[] = [];
  if (reader.atValue()) {
    do inputs.push(readValue(reader, scope));
    while (reader.trySign(","));
  }
  const attributes = reader.trySign("{") ? readAttributes(reader) : {};
  reader.sign(":");
  const place = reader.here();
  const types = [readType(reader)];
  while (reader.trySign(",")) types.push(readType(reader));
  const origin = readOrigin(reader);
  const regions: Region[] = [];
  while (reader.atSign("{")) regions.push(readRegion(reader));
  const inferred = inferTypes(operation, inputs, attributes, regions);
  if (isMisfit(inferred)) return reader.refuseAt(place, `${operation}: ${inferred.misfit}`);
  const agree =
    inferred.length === types.length &&
    inferred.every((type, i) => sameType(type, types[i] ?? { ...type, shape: [-1] }));
  if (!agree) return reader.refuseAt(place, `${operation} gives ${inferred.map(typeText).join(", ")}`);
  define(reader, names, makeNode(operation, inputs, attributes, regions, inferred, origin).outputs, scope);
}

function define(reader: Reader, names: readonly string[], outputs: readonly Value[], scope: Scope): void {
  if (names.length !== outputs.length)
    reader.refuseLast(`${names.length} names for ${outputs.length} outputs`);
  names.forEach((name, index) => {
    const output = outputs[index];
    if (scope.has(name)) reader.refuseLast(`${name} is defined twice`);
    if (output !== undefined) scope.set(name, output);
  });
}

function readValue(reader: Reader, scope: Scope): Value {
  const name = reader.valueName();
  return scope.get(name) ?? reader.refuseLast(`${name} is not defined in this region`);
}

function readType(reader: Reader): TensorType {
  const type = reader.name();
  if (!isElementType(type)) return reader.refuseLast(`${type} is no element type`);
  reader.sign("[");
  const shape = reader.list("]", () => {
    const size = reader.number();
    return Number.isSafeInteger(size) && size > 0
      ? size
      : reader.refuseLast("a size is a whole number of at least 1");
  });
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * size, 1)))
    reader.refuseLast("too large");
  return { type, shape };
}

function readOrigin(reader: Reader): Origin {
  return { source: undefined, recipe: undefined, path: reader.trySign("@") ? reader.string() : "" };
}

function readAttributes(reader: Reader): Attributes {
  const entries = reader.list("}", () => {
    const name = reader.nameOrString();
    reader.sign(":");
    return [name, readAttribute(reader)] as const;
  });
  return Object.fromEntries(entries);
}

function readAttribute(reader: Reader): Attribute {
  const number = reader.tryNumber();
  if (number !== undefined) return number;
  if (reader.tryWord("true")) return true;
  if (reader.tryWord("false")) return false;
  if (reader.trySign("[")) return reader.nested(() => reader.list("]", () => readAttribute(reader)));
  return reader.string();
}
