// How deep a syntax tree is, found without recursion: the checks and the elaborator walk trees recursively, and no text may make
// them run out of stack. A sum of a thousand terms is a tree a thousand deep.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";

export const deepestTree = 500;

/** A mistake where a tree is more than `deepestTree` nodes deep, at the first such node; nothing for a tree that is fine. */
export function tooDeep(tree: { readonly kind: string; readonly span: Span }): Diagnostic | undefined {
  const open: { readonly value: object; readonly depth: number }[] = [{ value: tree, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const node = "kind" in next.value && "span" in next.value;
    const depth = next.depth + (node ? 1 : 0);
    if (depth > deepestTree && node) {
      const { span } = next.value as { readonly span: Span };
      return problem(
        "FTL0219",
        span,
        `this is nested more than ${deepestTree} deep`,
        "split it up, with 'let' or in several clauses",
      );
    }
    for (const [key, value] of Object.entries(next.value)) {
      if (key !== "span" && typeof value === "object" && value !== null)
        open.push({ value: value as object, depth });
    }
  }
  return undefined;
}
