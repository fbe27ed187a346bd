// Which statements may stand where, as a table; and the methods that each kind of definition must have.
import type { DefinitionKind } from "../../grammar/syntax.ts";

/** A kind of definition, or one of the places inside: a layer, a method's body, a body that may assign. */
export type Place = DefinitionKind | "layer" | "body" | "updating body";

/** Kinds of statement; a declaration is `weight`, `train`, `state`, `tensor` or, for a module, `part`. */
export const places: Readonly<Record<Place, ReadonlySet<string>>> = {
  function: new Set(["let", "require", "if", "result"]),
  module: new Set(["let", "table", "weight", "state", "part", "method", "require", "if"]),
  architecture: new Set(["let", "table", "weight", "part", "layer", "method", "require", "example", "if"]),
  layer: new Set(["let", "table", "weight", "part", "method", "require", "if"]),
  adapter: new Set(["let", "table", "train", "part", "method", "peft", "require", "example", "if"]),
  optimizer: new Set(["let", "state", "method", "require", "example", "if"]),
  schedule: new Set(["let", "method", "require", "example", "if"]),
  task: new Set(["let", "weight", "part", "method", "peft", "require", "example", "if"]),
  method: new Set(["let", "state", "method", "require", "example", "if"]),
  format: new Set(["let", "table", "tensor", "method", "bitsandbytes", "gguf", "require", "example", "if"]),
  body: new Set(["let", "require", "if", "result"]),
  "updating body": new Set(["let", "require", "if", "result", "assign"]),
};

/** What a reader calls a place: "an adapter". */
export function placeName(place: Place): string {
  if (place === "body") return "the body of a method";
  if (place === "updating body")
    return "'update' of an optimizer, 'step' of a method, 'encode' of a format or 'forward' of a module";
  return `${/^[aeiou]/.test(place) ? "an" : "a"} ${place}`;
}

export const requiredMethods: Readonly<Record<DefinitionKind, readonly string[]>> = {
  function: [],
  module: ["forward"],
  architecture: ["forward", "logits"],
  adapter: [],
  optimizer: ["update"],
  schedule: ["factor"],
  task: ["loss"],
  method: ["step"],
  format: ["encode", "decode"],
};
