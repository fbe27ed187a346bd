// Names in scope while a definition's body is elaborated: a chain of bindings that ends at the file the definition stands in.
import type { Declaration, Fields, Layer, Method, Statement, Table } from "../../grammar/syntax.ts";
import type { Meaning } from "./meaning.ts";

/** What owns the body being elaborated and gives its declarations meaning. */
export interface Owner {
  declare?(declaration: Declaration, env: Environment): void;
  table?(table: Table, env: Environment): void;
  layer?(layer: Layer, env: Environment): void;
  method?(method: Method, env: Environment): void;
  peft?(fields: Fields, env: Environment): void;
  bitsandbytes?(fields: Fields, env: Environment): void;
  gguf?(fields: Fields, env: Environment): void;
  /** Gives a state or the weight a new value; only where a body may assign. */
  assign?(name: string, meaning: Meaning, statement: Statement, env: Environment): void;
  /** What is assigned is seen by the rest of the body alone: the body runs for several programs. */
  readonly passing?: boolean;
}

export interface Environment {
  readonly bindings: Map<string, Meaning>;
  readonly parent: Environment | undefined;
  readonly owner: Owner;
  /** A name bound here whose first use is to be noticed. */
  readonly watched?: Watched;
}

export interface Watched {
  readonly name: string;
  readonly onUse: () => void;
}

export function inner(parent: Environment | undefined, owner: Owner = parent?.owner ?? {}): Environment {
  return { bindings: new Map(), parent, owner };
}

export function find(env: Environment, name: string): Meaning | undefined {
  for (let at: Environment | undefined = env; at !== undefined; at = at.parent) {
    const meaning = at.bindings.get(name);
    if (meaning === undefined) continue;
    if (at.watched?.name === name) at.watched.onUse();
    return meaning;
  }
  return undefined;
}

/** Rebinds a name where it is bound. */
export function rebind(env: Environment, name: string, meaning: Meaning): void {
  for (let at: Environment | undefined = env; at !== undefined; at = at.parent) {
    if (!at.bindings.has(name)) continue;
    at.bindings.set(name, meaning);
    return;
  }
}
