// What names mean inside a definition while it is checked: lexical scopes, each name with where it was declared and, for what can
// be called, its parameters.
import type { Span } from "../../grammar/source.ts";
import type { Definition, Parameter } from "../../grammar/syntax.ts";
import type { Builtin } from "./builtins.ts";

/** What can be called, with the arguments it takes. */
export interface Signature {
  /** What a reader calls it: "function silu", "linear". */
  readonly label: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly needed: "required" | "optional" | "rest";
  }[];
  /** Where it is defined; nothing for what the language brings. */
  readonly span: Span | undefined;
}

export interface Binding {
  readonly what:
    "parameter" | "dimension" | "value" | "weight" | "state" | "part" | "layer" | "method" | "given";
  readonly name: string;
  /** Where it is declared; nothing for what the language gives. */
  readonly span: Span | undefined;
  readonly signature?: Signature | undefined;
  /** The module of a part, whose weights and methods are its members. */
  readonly module?: Definition | undefined;
}

export class Environment {
  readonly #parent: Environment | undefined;
  readonly #bindings = new Map<string, Binding>();
  /** Names that this scope declares further down than the statement at hand. */
  readonly later = new Map<string, Span>();

  constructor(parent?: Environment) {
    this.#parent = parent;
  }

  find(name: string): Binding | undefined {
    return this.#bindings.get(name) ?? this.#parent?.find(name);
  }

  here(name: string): Binding | undefined {
    return this.#bindings.get(name);
  }

  bind(binding: Binding): void {
    this.#bindings.set(binding.name, binding);
    this.later.delete(binding.name);
  }

  laterSpan(name: string): Span | undefined {
    return this.later.get(name) ?? this.#parent?.laterSpan(name);
  }

  /** All names in reach, for suggestions. */
  names(): string[] {
    return [...this.#bindings.keys(), ...(this.#parent?.names() ?? [])];
  }
}

export function signatureOf(label: string, parameters: readonly Parameter[], span: Span): Signature {
  return {
    label,
    parameters: parameters.map((entry) => ({
      name: entry.name.text,
      needed: entry.default === undefined ? "required" : "optional",
    })),
    span,
  };
}

export function builtinSignature(entry: Builtin): Signature {
  return { label: `'${entry.name}'`, parameters: entry.parameters, span: undefined };
}
