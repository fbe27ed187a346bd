// Which node a comment belongs to where Prettier's own rule (the node before it on its line, else the one after) would move
// it across a brace or to a place where a line may not end.
import type { Block } from "../syntax.ts";
import type { Commented, Node, PlacedComment } from "./nodes.ts";

/** Gives the comment its node and says so, or leaves it to Prettier. */
export function placeComment(comment: PlacedComment, text: string): boolean {
  const { enclosingNode, precedingNode, followingNode } = comment;
  if (enclosingNode === undefined) return false;
  const before = code(text, precedingNode?.span.end ?? enclosingNode.span.start, comment.span.start);
  // After a bracket, `=`, `=>` or `->` it belongs to what comes; after an operator to the operand that ends its line.
  const opened = /[([{]$|=>$|->$|(?<![<>=!])=$/.test(before);
  const after = code(text, comment.span.end, followingNode?.span.start ?? enclosingNode.span.end).trimStart();
  if (opened && /^[)\]}]/.test(after)) {
    return "body" in enclosingNode && isBlock(enclosingNode.body)
      ? enter(enclosingNode.body, comment)
      : dangle(enclosingNode, comment);
  }
  if (followingNode === undefined) return false;
  // The last in its brackets stays inside.
  if (/^[)\]}]/.test(after) && precedingNode !== undefined) return trail(precedingNode, comment);
  // The value of an option starts on the line of its name.
  if (enclosingNode.kind === "option") return lead(enclosingNode, comment);
  // A range has no place for it before its `..`.
  if (enclosingNode.kind === "range") return lead(followingNode, comment);
  // A comment before a block, or before the `else` or `else if` of one, goes into the block.
  const goesOn = "otherwise" in enclosingNode && enclosingNode.otherwise === followingNode;
  if (goesOn && followingNode.kind !== "block") return enter(followingNode.then, comment);
  if (followingNode.kind === "block") return enter(followingNode, comment);
  return opened || after.includes("{") ? lead(followingNode, comment) : false;
}

const isBlock = (body: object | undefined): body is Block =>
  body !== undefined && "kind" in body && body.kind === "block";

/** The text between two offsets without its comments and the space at its end. */
function code(text: string, start: number, end: number): string {
  return text
    .slice(start, end)
    .replaceAll(/\/\/[^\n]*/g, "")
    .trimEnd();
}

function enter(block: Block, comment: PlacedComment): true {
  const first = block.statements[0];
  return first === undefined ? dangle(block, comment) : lead(first, comment);
}

function lead(node: Node, comment: PlacedComment): true {
  comment.leading = true;
  comment.trailing = false;
  return attach(node as Commented, comment);
}

function trail(node: Node, comment: PlacedComment): true {
  comment.leading = false;
  comment.trailing = true;
  return attach(node as Commented, comment);
}

function dangle(node: Node, comment: PlacedComment): true {
  comment.leading = false;
  comment.trailing = false;
  return attach(node as Commented, comment);
}

function attach(node: Commented, comment: PlacedComment): true {
  comment.printed = false;
  node.comments ??= [];
  node.comments.push(comment);
  return true;
}
