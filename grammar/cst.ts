// Reading Chevrotain's concrete tree: its children by name, in the order of the text, and spans from its locations. After
// recovery a token may be made up (no offset) and a node may hold nothing; nothing here lets such an offset out.
import type { CstElement, CstNode, IToken } from "chevrotain";
import { offsetAfter } from "./brackets.ts";

export const isNode = (element: CstElement): element is CstNode => "children" in element;

/** Whether a token stands in the text, or closes a bracket that `brackets.ts` put in. */
const isReal = (token: IToken): boolean => token.startOffset >= 0;

export function nodes(node: CstNode, name: string): readonly CstNode[] {
  return (node.children[name] ?? []).filter(isNode);
}

export function tokensOf(node: CstNode, name: string): readonly IToken[] {
  return (node.children[name] ?? []).filter(
    (element): element is IToken => !isNode(element) && isReal(element),
  );
}

/** A child and the name it goes by in its parent: the rule, the token type or the label. */
export interface Child {
  readonly kind: string;
  readonly element: CstElement;
}

/** All children that cover some text, in its order. */
export function ordered(node: CstNode): readonly Child[] {
  const all: Child[] = [];
  for (const [kind, elements] of Object.entries(node.children)) {
    for (const element of elements) if (startOf(element) >= 0) all.push({ kind, element });
  }
  return all.sort((a, b) => startOf(a.element) - startOf(b.element));
}

/** The offset where an element starts, or -1 where it covers nothing. */
export function startOf(element: CstElement): number {
  const start = isNode(element) ? element.location?.startOffset : element.startOffset;
  return start !== undefined && start >= 0 ? start : -1;
}

/** The offset just past an element, or -1 where it covers nothing. */
export function endOf(element: CstElement): number {
  if (!isNode(element)) return isReal(element) ? offsetAfter(element) : -1;
  const end = element.location?.endOffset;
  return startOf(element) >= 0 && end !== undefined && !Number.isNaN(end)
    ? Math.max(end + 1, startOf(element))
    : -1;
}
