// Rules of forward-mode differentiation that several records share. A tangent has the type of the value that it belongs to.
import type { Value } from "../ir/graph.ts";
import type { Forward } from "./operation.ts";

/** Of an operation that is linear in its first input: the operation itself, the other inputs as they are. */
export function linear({
  builder,
  operation,
  inputs,
  attributes,
  tangents: [moving],
}: Forward): readonly (Value | undefined)[] {
  if (moving === undefined) return [undefined];
  return [builder.apply(operation, [moving, ...inputs.slice(1)], attributes)];
}

/** Of an operation that is linear in all inputs together: those that do not move give zeros. */
export function linearInAll({
  builder,
  operation,
  inputs,
  attributes,
  tangents,
}: Forward): readonly (Value | undefined)[] {
  if (tangents.every((tangent) => tangent === undefined)) return [undefined];
  const moving = inputs.map(
    (input, index) => tangents[index] ?? builder.constant(0, input.type, input.shape),
  );
  return [builder.apply(operation, moving, attributes)];
}

/** The sum of the parts that there are. */
export function sumOf(
  { builder }: Pick<Forward, "builder">,
  parts: readonly (Value | undefined)[],
): Value | undefined {
  return parts
    .filter((part) => part !== undefined)
    .reduce<Value | undefined>(
      (total, part) => (total === undefined ? part : builder.apply("add", [total, part])),
      undefined,
    );
}
