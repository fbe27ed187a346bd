// The usual source of gradients: what the micro-batches of a step have added up in variables of their own.
import type { Span } from "../../grammar/source.ts";
import { gradientNorm } from "./clipping.ts";
import {
  clearedTo,
  gradientOf,
  parameterMeaning,
  type Estimate,
  type GradientSource,
} from "./gradient-source.ts";
import { stateVariable } from "./io.ts";
import { inverseOf, type LossScale } from "./loss-scale.ts";
import type { Declared } from "./meaning.ts";
import { confined } from "./moving.ts";
import { elementwise, tensor } from "./tensors.ts";
import { read, type Workspace } from "./workspace.ts";

/** Gradients that the micro-batches of the step have added up, of the loss multiplied by `scale` where there is one. */
export function backpropagated(
  ws: Workspace,
  weights: readonly Declared[],
  scale: LossScale | undefined,
  span: Span,
): GradientSource {
  const loss = stateVariable("loss", "io", span);
  const estimate = (parameter: Declared): Estimate => {
    const w = parameterMeaning(parameter);
    const gradient = parameterMeaning(gradientOf(parameter));
    return confined(ws, parameter, { w, gradient, moves: undefined }, span);
  };
  const beside = (weight: Declared): readonly Declared[] => [gradientOf(weight)];
  return {
    frame: undefined,
    beside,
    loss: () => tensor(read(ws, loss), []),
    norm: () => {
      const norm = gradientNorm(ws, weights, { beside, estimate }, span);
      return scale === undefined
        ? norm
        : elementwise(ws, "multiply", [norm, inverseOf(ws, scale, span)], span);
    },
    ...(scale === undefined ? {} : { unit: () => inverseOf(ws, scale, span) }),
    estimate,
    cleared: () => [loss, ...weights.map(gradientOf)].map((each) => clearedTo(ws, each, span)),
  };
}
