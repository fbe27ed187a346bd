// Which node a comment belongs to where Prettier's own rule (the node before it on its line, else the one after) would move
// it across a brace or to a place where a line may not end.
import type { Commented, Node, PlacedComment } from "./nodes.ts";

/** Gives the comment its node and says so, or leaves it to Prettier. */
export function placeComment(comment: PlacedComment, text: string): boolean {
  const { enclosingNode, followingNode } = comment;
  if (followingNode === undefined) return false;
  // The value of an option starts on the line of its name.
  if (enclosingNode?.kind === "option") return lead(enclosingNode, comment);
  const between = text.slice(comment.span.end, followingNode.span.start).replaceAll(/\/\/[^\n]*/g, "");
  if (followingNode.kind === "block") {
    const first = followingNode.statements[0];
    return first === undefined ? dangle(followingNode, comment) : lead(first, comment);
  }
  if ((followingNode.kind === "if" || followingNode.kind === "conditional") && between.includes("else")) {
    return false;
  }
  return between.includes("{") ? lead(followingNode, comment) : false;
}

function lead(node: Node, comment: PlacedComment): true {
  comment.leading = true;
  comment.trailing = false;
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
