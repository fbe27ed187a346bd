// Origins in a source made of a text, found by a word in it.
import type { Source } from "../../../grammar/source.ts";
import type { Origin } from "../../../compiler/ir/graph.ts";

export function sourceOf(path: string, text: string): { origin(word: string, modelPath: string): Origin } {
  const source: Source = { path, text };
  const spans = new Map<string, NonNullable<Origin["recipe"]>>();
  return {
    origin: (word, modelPath) => {
      const start = text.indexOf(word);
      const span = spans.get(word) ?? { source, start, end: start + word.length };
      spans.set(word, span);
      return { source: undefined, recipe: span, path: modelPath };
    },
  };
}
