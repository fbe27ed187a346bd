// The norm of all gradients together, and what it makes of them where the recipe says `clip`.
import type { Span } from "../../grammar/source.ts";
import type { Value } from "../ir/graph.ts";
import type { GradientSource } from "./gradient-source.ts";
import { number, type Declared, type Meaning, type TensorMeaning } from "./meaning.ts";
import { ofMoving } from "./moving.ts";
import { perPart } from "./stacks.ts";
import { asTensor, elementwise, tensor } from "./tensors.ts";
import { emit, type Workspace } from "./workspace.ts";

/** √ Σ g² over every element of every gradient; a stack's squares are added part by part. */
export function gradientNorm(
  ws: Workspace,
  weights: readonly Declared[],
  { beside, estimate }: Pick<GradientSource, "beside" | "estimate">,
  span: Span,
): Meaning {
  const squares = weights.map((weight): Meaning => {
    const sums = perPart(ws, weight, beside(weight), span, (parameter, part) =>
      sumOfSquares(
        ws,
        asTensor(ws, ofMoving(ws, parameter, estimate(parameter, part).gradient, span), span).value,
        span,
      ),
    );
    return scalar(ws, weight.parts === undefined ? sums : sumOf(ws, sums, span), span);
  });
  return elementwise(
    ws,
    "sqrt",
    [squares.reduce((a, b) => elementwise(ws, "add", [a, b], span), number(0))],
    span,
  );
}

function sumOfSquares(ws: Workspace, value: Value, span: Span): Value {
  return sumOf(ws, emit(ws, span, "multiply", [value, value]), span);
}

/** The sum over all axes, which stay with size 1. */
function sumOf(ws: Workspace, value: Value, span: Span): Value {
  return emit(ws, span, "sum", [value], { axes: value.shape.map((_, axis) => axis) });
}

function scalar(ws: Workspace, value: Value, span: Span): TensorMeaning {
  return tensor(emit(ws, span, "reshape", [value], { shape: [] }), []);
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
