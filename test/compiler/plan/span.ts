// Origins in a source made of a text, found by a word in it.
import type { Source } from "../../../grammar/source.ts";
import type { Origin } from "../../../compiler/ir/graph.ts";

export function originsIn(path: string, text: string): (word: string, modelPath: string) => Origin {
  const source: Source = { path, text };
  const spans = new Map<string, NonNullable<Origin["recipe"]>>();
  return (word, modelPath) => {
    const start = text.indexOf(word);
    const span = spans.get(word) ?? { source, start, end: start + word.length };
    spans.set(word, span);
    return { source: undefined, recipe: span, path: modelPath };
  };
}
