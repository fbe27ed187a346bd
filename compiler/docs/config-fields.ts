// Which fields of config.json an architecture reads, found in its text: `config.a`, `config.a?.b`, names that `let` gives them, and what
// functions and modules read of a config that they are passed. A field with `??` behind it may be missing.
import { textOf } from "../../grammar/source.ts";
import type { Call, Declaration, Definition, Expression, Let, Parameter } from "../../grammar/syntax.ts";
import type { Scope } from "../language/resolve.ts";

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
  if (config !== undefined) reader.definition(architecture, new Map([[config.name.text, [[]]]]));
  return [...reader.uses.values()];
}

/** The paths of fields that a name stands for; an empty path is the config itself. */
type Names = ReadonlyMap<string, readonly (readonly string[])[]>;

/** What stands behind `??` where an expression is missing. */
type Otherwise = { readonly text: string | undefined } | undefined;

class Reader {
  readonly uses = new Map<string, ConfigFieldUse>();
  private readonly scope: Scope;
  private readonly open = new Set<Definition>();

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
  private walk(
    value: unknown,
    names: Map<string, readonly (readonly string[])[]>,
    otherwise: Otherwise,
  ): void {
    if (Array.isArray(value)) for (const element of value) this.walk(element, names, undefined);
    if (typeof value !== "object" || value === null || Array.isArray(value) || !("kind" in value)) return;
    const node = value as Expression | Let | Declaration | { readonly kind: "block" };
    switch (node.kind) {
      case "let": {
        const [only] = node.names;
        const paths = fieldsOf(node.value, names);
        this.walk(node.value, names, undefined);
        if (only !== undefined && node.names.length === 1 && paths.length > 0) names.set(only.text, paths);
        return;
      }
      case "member": {
        const paths = fieldsOf(node, names);
        if (paths.length === 0) this.walk(node.object, names, otherwise);
        for (const path of paths) this.use(path, otherwise);
        return;
      }
      case "binary": {
        const standsIn = node.operator === "??";
        const compared = node.operator === "==" || node.operator === "!=";
        const absent = compared && [node.left, node.right].some(({ kind }) => kind === "none");
        const may = absent ? { text: undefined } : otherwise;
        this.walk(node.left, names, standsIn ? { text: textOf(node.right.span) } : may);
        // Where the last of a chain is missing too, all of it is none.
        const last = standsIn && isField(node.right);
        this.walk(node.right, names, last ? (otherwise ?? { text: undefined }) : may);
        return;
      }
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

  /** What an object holds is needed only where the object is there. */
  private use(path: readonly string[], otherwise: Otherwise): void {
    const name = path.join(".");
    const before = this.uses.get(name);
    const needed = otherwise === undefined && path.length === 1;
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
    const inside = parameters.flatMap(({ name }) => {
      const given = passed.find(({ to }) => to === name.text);
      const paths = given === undefined ? [] : fieldsOf(given.value, names);
      return paths.length === 0 ? [] : [[name.text, paths] as const];
    });
    if (inside.length > 0) this.definition(definition, new Map(inside));
  }
}

/** The fields that an expression is, whichever of them is there. */
function fieldsOf(expression: Expression, names: Names): readonly (readonly string[])[] {
  switch (expression.kind) {
    case "reference":
      return names.get(expression.name.text) ?? [];
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

const isField = ({ kind }: Expression): boolean => kind === "member" || kind === "reference";
