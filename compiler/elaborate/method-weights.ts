// The tensors that a method moves, as its expressions see them: one tensor at a time, of a stack one layer's, each with its name and its
// layer's number, by which random numbers are drawn for it again and again and never stored.
import type { Span } from "../../grammar/source.ts";
import type { Value } from "../ir/graph.ts";
import { parameterMeaning } from "./gradient-source.ts";
import { number, type Declared, type Meaning, type TensorMeaning } from "./meaning.ts";
import { perPart } from "./stacks.ts";
import { asTensor, casted, tensor } from "./tensors.ts";
import type { Workspace } from "./workspace.ts";

/** A tensor or a layer's part of it, whose number `part` is; `outside` is the block of what stands outside of layers. */
export function movable(
  ws: Workspace,
  parameter: Declared,
  part: Value | undefined,
  outside: number,
  span: Span,
): TensorMeaning {
  const { shown, module } = parameter;
  const block: Meaning = part === undefined ? number(outside) : tensor(casted(ws, part, "f32", span), []);
  return {
    ...asTensor(ws, parameterMeaning(parameter), span),
    trained: { variable: parameter.name, name: shown, part, block, module },
  };
}

/** What `work` makes of the tensor and what lies beside it, of stacks part by part, so that no kernel has to bind all of one. */
export function eachPart(
  ws: Workspace,
  weight: Declared,
  beside: readonly Declared[],
  outside: number,
  span: Span,
  work: (w: TensorMeaning) => Meaning,
): Value {
  return perPart(
    ws,
    weight,
    beside,
    span,
    (parameter, part) => asTensor(ws, work(movable(ws, parameter, part, outside, span)), span).value,
  );
}
