// The model's `config.json`: read with places, so that a field that does not fit can be pointed at, and the architecture of the library that
// its `model_type` names.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Definition } from "../../grammar/syntax.ts";
import { parseJson, type JsonObject, type JsonValue } from "./json.ts";
import { isAnnounced, notYet } from "./planned.ts";
import type { Scope } from "./resolve.ts";

export type ConfigValue = JsonValue;
export type Config = JsonObject;

export interface ReadConfig {
  readonly config: Config | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** The object that the text of a `config.json` is. `path` is how the user would name the file. */
export function readConfig(text: string, path: string): ReadConfig {
  const value = parseJson({ path, text });
  if ("code" in value) return { config: undefined, diagnostics: [value] };
  if (value.kind === "object") return { config: value, diagnostics: [] };
  const found = problem("FTL0321", value.span, "a config.json is an object", "expected { … }");
  return { config: undefined, diagnostics: [found] };
}

export interface FoundArchitecture {
  readonly architecture: Definition | undefined;
  /** Mistakes of the config, or the architecture that is not built yet. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The architecture that the recipe names, else the one that `model_type` does: of the files that the recipe at `from` imports, else of the
 * library.
 */
export function findArchitecture(
  config: Config,
  scope: Scope,
  from: string,
  said?: string,
): FoundArchitecture {
  const named = said === undefined ? undefined : scope.lookup("architecture", said, from);
  if (named !== undefined) return { architecture: named, diagnostics: [] };
  const refuse = (found: Diagnostic): FoundArchitecture => ({
    architecture: undefined,
    diagnostics: [found],
  });
  const names = scope.names("architecture", from);
  const type = config.fields.get("model_type");
  if (type === undefined) {
    const span = { ...config.span, end: config.span.start + 1 };
    return refuse(problem("FTL0323", span, "the config has no model_type", `known: ${names.join(", ")}`));
  }
  if (type.kind !== "string") {
    return refuse(problem("FTL0323", type.span, "model_type takes a text", `known: ${names.join(", ")}`));
  }
  const name = type.value.replaceAll("-", "_");
  const architecture = scope.lookup("architecture", name, from);
  if (architecture !== undefined) return { architecture, diagnostics: [] };
  if (isAnnounced("architecture", name)) return refuse(notYet("architecture", name, type.span, names));
  const guess = closest(name, [...names]);
  const message = `the library has no architecture for model_type "${type.value}"`;
  const label = `known: ${names.join(", ")}`;
  return refuse(
    problem("FTL0322", type.span, message, guess === undefined ? label : `did you mean ${guess}? ${label}`),
  );
}
