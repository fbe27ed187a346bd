// The parts of a model whose activations are kept although others' are computed again: `keep` of the clause `checkpoint`. A role or a
// name means parts as it does in an adapter's `on`; a module's definition, such as "attention", is a name too.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Said } from "../language/settings.ts";
import { selects } from "./adapters.ts";
import type { Part } from "./parts.ts";

export interface Spared {
  /** Every part of the model is shown once. */
  consider(part: Part): void;
  /** By the path of what is computed, whether it belongs to a part that is kept. */
  keeps(path: string): boolean;
  /** What no part answered to. */
  unanswered(): readonly Diagnostic[];
}

export function sparing(keep: readonly Said<string>[]): Spared {
  const answered = new Set<string>();
  const exact = new Set<string>();
  const around: string[] = [];
  return {
    consider(part) {
      for (const { value } of keep) {
        if (value !== part.what && !selects(value, part)) continue;
        answered.add(value);
        const shown = numberless(part.place.shown);
        exact.add(shown);
        // A part without a name of its own is not all of what it stands in.
        if (part.place.local !== "") around.push(`${shown}.`);
      }
    },
    keeps: (path) => {
      const plain = numberless(path);
      return exact.has(plain) || around.some((start) => plain.startsWith(start));
    },
    unanswered: () =>
      keep
        .filter(({ value }) => !answered.has(value))
        .map(({ value, span }) =>
          problem("FTL0723", span, `no part of this model answers to '${value}'`, "keeps nothing"),
        ),
  };
}

/** Kinds of layers that take turns have numbers such as {2i}. */
function numberless(path: string): string {
  return path.replaceAll(/\{[^}]*\}/g, "{i}");
}
