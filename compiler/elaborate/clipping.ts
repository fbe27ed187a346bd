// The norm of all gradients together, and what it makes of them where the recipe says `clip`.
import type { Span } from "../../grammar/source.ts";
import type { Value } from "../ir/graph.ts";
import { number, type Meaning } from "./meaning.ts";
import { elementwise, tensor } from "./tensors.ts";
import { emit, type Workspace } from "./workspace.ts";

/** √ Σ g² over every element of every gradient. */
export function gradientNorm(ws: Workspace, gradients: readonly Value[], span: Span): Meaning {
  const squares = gradients.map((gradient): Meaning => {
    const square = emit(ws, span, "multiply", [gradient, gradient]);
    const axes = gradient.shape.map((_, axis) => axis);
    const sum = emit(ws, span, "sum", [square], { axes });
    return tensor(emit(ws, span, "reshape", [sum], { shape: [] }), []);
  });
  return elementwise(
    ws,
    "sqrt",
    [squares.reduce((a, b) => elementwise(ws, "add", [a, b], span), number(0))],
    span,
  );
}

/** What gradients are multiplied by so that their norm is at most `clip`, as torch.nn.utils.clip_grad_norm_ has it. */
export function clipFactor(ws: Workspace, norm: Meaning, clip: number, span: Span): Meaning {
  const above = elementwise(ws, "add", [norm, number(1e-6)], span);
  return elementwise(
    ws,
    "minimum",
    [number(1), elementwise(ws, "divide", [number(clip), above], span)],
    span,
  );
}
