// Which fields of config.json an architecture reads, found in its text: `config.a`, `config.a?.b`, names that `let` gives them, and what
// functions and modules read of a config that they are passed. A field may be missing where every use has `??` behind it, stands in a branch
// that is not always taken, or is tested: `config.a == none`, `"a" in config`.
import { textOf } from "../../grammar/source.ts";
import type {
  Binary,
  Call,
  Conditional,
  Declaration,
  Definition,
  Expression,
  If,
  Let,
  Match,
  Parameter,
  Require,
} from "../../grammar/syntax.ts";
import { plainText, type Scope } from "../language/resolve.ts";

export interface ConfigFieldUse {
  /** Such as "hidden_size" or "rope_parameters.rope_theta". */
  readonly name: string;
  /** False where every use has something to take instead. */
  readonly needed: boolean;
  /** What is taken instead, as the definition writes it. */
  readonly otherwise: string | undefined;
}

/** The fields in the order of their first use. */
export function configFields(architecture: Definition, scope: Scope): readonly ConfigFieldUse[] {
  const reader = new Reader(scope);
  const [config] = architecture.parameters;
  if (config !== undefined)
    reader.definition(architecture, new Map([[config.name.text, { paths: [[]], alone: true }]]));
  return [...reader.uses.values()].map((use) => {
    const tested = reader.tested.get(use.name);
    return tested === undefined ? use : { ...use, needed: false, otherwise: use.otherwise ?? tested.text };
  });
}

/** The paths of fields that an expression may be; an empty path is the config itself. */
type Paths = readonly (readonly string[])[];
/** What a name stands for. `alone`: nothing else where the field is missing, so that to use the name is to use the field. */
type Names = ReadonlyMap<string, { readonly paths: Paths; readonly alone: boolean }>;
type OwnNames = Map<string, { readonly paths: Paths; readonly alone: boolean }>;

/** What stands behind `??` where an expression is missing. */
type Otherwise = { readonly text: string | undefined } | undefined;

class Reader {
  readonly uses = new Map<string, ConfigFieldUse>();
  /** Fields that some condition asks for, with what stands where they are missing. */
  readonly tested = new Map<string, NonNullable<Otherwise>>();
  private readonly scope: Scope;
  private readonly open = new Set<Definition>();
  /** How many branches deep the text at hand stands. */
  private branches = 0;

  constructor(scope: Scope) {
    this.scope = scope;
  }

  definition(definition: Definition, names: Names): void {
    if (this.open.has(definition)) return;
    this.open.add(definition);
    this.walk(definition.body, new Map(names), undefined);
    this.open.delete(definition);
  }

  /** Any part of the tree: nodes are told apart by `kind`, everything else is looked through. */
  private walk(value: unknown, names: OwnNames, otherwise: Otherwise): void {
    if (Array.isArray(value)) for (const element of value) this.walk(element, names, undefined);
    if (typeof value !== "object" || value === null || Array.isArray(value) || !("kind" in value)) return;
    const node = value as Expression | Let | If | Require | Declaration | { readonly kind: "block" };
    switch (node.kind) {
      case "let": {
        const [only] = node.names;
        const paths = fieldsOf(node.value, names);
        // Another name for a field is no use of it yet.
        const alone = node.value.kind === "member" && paths.length === 1;
        this.walk(node.value, names, alone ? { text: undefined } : undefined);
        if (only !== undefined && node.names.length === 1 && paths.length > 0)
          names.set(only.text, { paths, alone });
        return;
      }
      case "member": {
        const paths = fieldsOf(node, names);
        if (paths.length === 0) this.walk(node.object, names, otherwise);
        for (const path of paths) this.use(path, otherwise);
        return;
      }
      case "reference": {
        const bound = names.get(node.name.text);
        for (const path of bound?.alone === true ? bound.paths : [])
          if (path.length > 0) this.use(path, otherwise);
        return;
      }
      case "binary":
        this.binary(node, names, otherwise);
        return;
      case "if":
      case "conditional":
      case "match":
      case "require":
        this.branch(node, names);
        return;
      case "lambda":
        this.branches += 1;
        this.walk(node.body, names, undefined);
        this.branches -= 1;
        return;
      case "call":
        this.call(node, names);
        break;
      case "declaration":
        this.part(node, names);
        break;
      default:
        break;
    }
    for (const [key, inner] of Object.entries(node)) if (key !== "span") this.walk(inner, names, undefined);
  }

  private binary(node: Binary, names: OwnNames, otherwise: Otherwise): void {
    const { operator, left, right } = node;
    if (operator === "??") {
      this.walk(left, names, { text: textOf(right.span) });
      // Where the last of a chain is missing too, all of it is none.
      const last = right.kind === "member" || right.kind === "reference";
      this.walk(right, names, last ? (otherwise ?? { text: undefined }) : otherwise);
      return;
    }
    if ((operator === "==" || operator === "!=") && right.kind === "none") {
      for (const path of fieldsOf(left, names)) this.tested.set(path.join("."), { text: undefined });
    }
    this.walk(left, names, undefined);
    this.walk(right, names, undefined);
  }

  /** The condition always counts, what hangs on it does not. */
  private branch(node: If | Conditional | Match | Require, names: OwnNames): void {
    const { kind, span: _, ...parts } = node;
    const asks = kind === "match" ? node.subject : node.condition;
    if (kind === "conditional") this.membership(node, names);
    this.walk(asks, names, undefined);
    this.branches += 1;
    for (const part of Object.values(parts)) if (part !== asks) this.walk(part, names, undefined);
    this.branches -= 1;
  }

  /** `if "a" in config { config.a } else { 1 }`. */
  private membership({ condition, otherwise }: Conditional, names: Names): void {
    if (condition.kind !== "binary" || condition.operator !== "in" || condition.left.kind !== "string")
      return;
    const [only, ...more] = otherwise.kind === "block" ? otherwise.statements : [];
    const text = only?.kind === "result" && more.length === 0 ? textOf(only.span) : undefined;
    const name = plainText(condition.left) ?? "";
    for (const path of fieldsOf(condition.right, names)) this.tested.set([...path, name].join("."), { text });
  }

  /** What an object holds is needed only where the object is there. */
  private use(path: readonly string[], otherwise: Otherwise): void {
    const name = path.join(".");
    const before = this.uses.get(name);
    const needed = otherwise === undefined && path.length === 1 && this.branches === 0;
    this.uses.set(name, {
      name,
      needed: needed || before?.needed === true,
      otherwise: before?.otherwise ?? otherwise?.text,
    });
  }

  /** A function that is passed the config, or an object in it, reads on. */
  private call({ callee, arguments: given }: Call, names: Names): void {
    if (callee.kind !== "reference") return;
    const definition = this.scope.lookup("function", callee.name.text, callee.span.source.path);
    if (definition === undefined) return;
    const passed = given.map(({ name, value }, index) => ({
      to: name?.text ?? definition.parameters[index]?.name.text,
      value,
    }));
    this.into(definition, definition.parameters, passed, names);
  }

  private part({ what, options }: Declaration, names: Names): void {
    const definition = this.scope.lookup("module", what.text, what.span.source.path);
    if (definition === undefined) return;
    const passed = options.map(({ path, value }) => ({ to: path[0]?.text, value }));
    this.into(definition, definition.parameters, passed, names);
  }

  private into(
    definition: Definition,
    parameters: readonly Parameter[],
    passed: readonly { readonly to: string | undefined; readonly value: Expression }[],
    names: Names,
  ): void {
    const inside = parameters.flatMap(({ name, default: initial }) => {
      const given = passed.find(({ to }) => to === name.text);
      const paths = given === undefined ? [] : fieldsOf(given.value, names);
      if (initial?.kind === "none")
        for (const path of paths) this.tested.set(path.join("."), { text: undefined });
      return paths.length === 0 ? [] : [[name.text, { paths, alone: false }] as const];
    });
    if (inside.length === 0) return;
    const left = parameters.filter(({ name }) => !passed.some(({ to }) => to === name.text));
    for (const parameter of left) this.walk(parameter.default, new Map(inside), undefined);
    this.definition(definition, new Map(inside));
  }
}

/** The fields that an expression is, whichever of them is there. */
function fieldsOf(expression: Expression, names: Names): Paths {
  switch (expression.kind) {
    case "reference":
      return names.get(expression.name.text)?.paths ?? [];
    case "member":
      return fieldsOf(expression.object, names).map((path) => [...path, expression.name.text]);
    case "binary":
      return expression.operator === "??"
        ? [...fieldsOf(expression.left, names), ...fieldsOf(expression.right, names)]
        : [];
    default:
      return [];
  }
}
