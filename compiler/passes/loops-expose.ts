// Brings elementwise work next to the repeats whose stacks it is done with: what segments leave between the two, reshapes and
// concatenations of stacks, changes places with it. Used by `absorb`.
//
//   f(reshape(stack), other)  becomes  reshape(f(stack, reshape(other)))
//   f(concat(a, b), other)    becomes  concat(f(a, part of other), f(b, part of other))
import { builderFor } from "../ir/build.ts";
import type { Node, Value } from "../ir/graph.ts";
import type { Builder } from "../ops/operation.ts";
import { at } from "./rebuild.ts";
import { isRepeat } from "./rebuild-repeat.ts";

/** What stands for the elementwise node once `stack`, its input that is made of stacks, has changed places with it. */
export function expose(node: Node, stack: Value): Value | undefined {
  const builder = builderFor(node.origin);
  if (!isMadeOfStacks(stack) || isRepeat(stack.node)) return undefined;
  return stack.node.operation === "reshape"
    ? throughReshape(node, stack, builder)
    : throughConcat(node, stack, builder);
}

/** Whether nothing but reshapes and concatenations stands between the value and stacked results of repeats. */
function isMadeOfStacks({ node, index }: Value): boolean {
  if (isRepeat(node)) return index >= Number(node.attributes["carried"]);
  const moves = node.operation === "reshape" || node.operation === "concat";
  return moves && node.inputs.every(isMadeOfStacks);
}

function throughReshape(node: Node, stack: Value, builder: Builder): Value {
  const inner = at(stack.node.inputs, 0);
  const inputs = node.inputs.map((input) =>
    input === stack ? inner : builder.apply("reshape", [input], { shape: inner.shape }),
  );
  return builder.apply("reshape", [builder.apply(node.operation, inputs, node.attributes)], {
    shape: stack.shape,
  });
}

function throughConcat(node: Node, stack: Value, builder: Builder): Value {
  const axis = Number(stack.node.attributes["axis"]);
  const none = stack.shape.map(() => 0);
  let start = 0;
  const parts = stack.node.inputs.map((part) => {
    const box = { starts: none.with(axis, start), sizes: part.shape };
    const inputs = node.inputs.map((input) =>
      input === stack ? part : builder.apply("slice", [input], box),
    );
    start += at(part.shape, axis);
    return builder.apply(node.operation, inputs, node.attributes);
  });
  return builder.apply("concat", parts, { axis });
}
