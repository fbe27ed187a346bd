// Mixed precision: which values of a forward program are held in 16 bits. A value in 16 bits is a `cast`, followed by a cast to f32
// for those who compute with it, so that the float64 meaning rounds where the device does.
//
// What is narrow is said by the operations' records (`narrow`): products take operands in the type of products, and what they give
// is kept in the type of storage, as is what is added to such a value; kernels of library functions say it of themselves. What layers
// hand on is kept so too. Reductions, what hangs on weights alone, and what no product follows (the logits and the loss) stay f32.
//
// Requires a program before differentiation: gradients of casts are casts, so gradients of 16-bit values are 16-bit. Ensures: the same
// types of parameters and results; f32 weights are cast where they are read, by a cast that leaves their gradients exact;
// values whose rows have an odd length, which 16-bit words do not hold, stay f32.
import { builderFor } from "../ir/build.ts";
import type { Node, Program, Region, Value } from "../ir/graph.ts";
import type { NarrowKernels } from "../kernels/kernel.ts";
import { operationOf } from "../ops/index.ts";
import { isView, narrowFacts, type Facts } from "./precision-facts.ts";
import { at, inline, makeParameter, nameOf, nodesBetween } from "./rebuild.ts";
import { buildRepeat, isRepeat, readRepeat, type Entry } from "./rebuild-repeat.ts";

export interface Precision {
  /** What products take. No device computes in bf16: products take f32 then, and nothing is rounded but what is stored. */
  readonly compute: "f16" | "bf16" | "f32";
  /** How activations are held. */
  readonly store: "f16" | "bf16" | "f32";
}

/** What stands for a value: itself in f32, or widened from what is held in 16 bits. */
interface Stand {
  readonly wide: Value;
  readonly narrow?: Value;
}

interface Narrowing extends Precision {
  /** What kernels of library functions take: they read what is stored. */
  readonly reads: Precision["compute"];
  readonly kernels: NarrowKernels;
}

/** `weights`: names of the variables that no micro-batch brings or changes. */
export function precise(
  program: Program,
  weights: ReadonlySet<string>,
  precision: Precision,
  kernels: NarrowKernels,
): Program {
  const { region } = program;
  const own = new Set(region.parameters.filter((_, index) => weights.has(at(program.reads, index))));
  const facts = narrowFacts(region, own, new Set(), kernels);
  const stands = new Map(region.parameters.map((value): [Value, Stand] => [value, { wide: value }]));
  const { compute: reads, store } = precision;
  const narrowing = { compute: reads === "f16" ? reads : "f32", reads, store, kernels } as const;
  const visitor = visit(region, facts, stands, narrowing);
  return { ...program, region: { parameters: region.parameters, results: region.results.map(visitor.wide) } };
}

interface Visited {
  readonly wide: (value: Value) => Value;
  /** The value in a 16-bit type. */
  readonly held: (value: Value, type: "f16" | "bf16") => Value;
}

/** Rebuilds a region whose parameters are known. */
function visit(
  region: Region,
  facts: Facts,
  stands: Map<Value, Stand>,
  { compute, reads, store, kernels }: Narrowing,
): Visited {
  const known = (value: Value): Stand => {
    const found = stands.get(value);
    if (found === undefined) throw new Error(`a value of ${value.node.operation} is used before it is made`);
    return found;
  };
  const wide = (value: Value): Value => known(value).wide;
  const cast = (value: Value, type: Precision["compute"], exact = false): Value =>
    value.type === type
      ? value
      : builderFor(value.node.origin).apply("cast", [value], exact ? { type, exact } : { type });
  const held = (value: Value, type: "f16" | "bf16"): Value => {
    const { narrow } = known(value);
    return narrow?.type === type ? narrow : cast(wide(value), type);
  };
  /** The value as a product takes it: through views, what they are views of. */
  const operand = (value: Value, type = compute): Value => {
    if (type === "f32") return wide(value);
    // What is stored in 16 bits of another kind is cast too: both operands of a product are of one type.
    if (facts.weights.has(value) || value.type !== "f32") return cast(wide(value), type, true);
    const { narrow } = known(value);
    if (narrow?.type === type) return narrow;
    const { operation, inputs, attributes, origin } = value.node;
    if (isView(value.node) && stands.has(at(inputs, 0))) {
      const source = operand(at(inputs, 0), type);
      if (source.type === type) return builderFor(origin).apply(operation, [source], attributes);
    }
    return isEven(value) ? cast(wide(value), type) : wide(value);
  };
  const isNarrow = (value: Value): boolean => {
    if (stands.get(value)?.narrow !== undefined) return true;
    const [source] = value.node.inputs;
    return isView(value.node) && source !== undefined && stands.has(source) && isNarrow(source);
  };
  const typeOf = (output: Value, given: "always" | "alike" | undefined): Precision["store"] => {
    if (!isEven(output) || facts.weights.has(output) || isView(output.node)) return "f32";
    if (facts.operands.has(output) && compute === store) return compute;
    const gives = given === "always" || (given === "alike" && output.node.inputs.some(isNarrow));
    return gives && facts.leading.has(output) ? store : "f32";
  };
  const keep = (output: Value, value: Value, type: Precision["store"]): void => {
    if (type === "f32") stands.set(output, { wide: value });
    else {
      const narrow = cast(value, type);
      stands.set(output, { wide: cast(narrow, "f32"), narrow });
    }
  };

  const narrowCall = (node: Node): void => {
    const rule = kernels.get(String(node.attributes["kernel"]));
    const body = at(node.regions, 0);
    const inputs = node.inputs.map((input, index) =>
      rule?.inputs.includes(index) === true ? operand(input, reads) : wide(input),
    );
    const parameters = inputs.map((input, index) => {
      const before = at(body.parameters, index);
      return makeParameter(nameOf(before), { shape: input.shape, type: input.type });
    });
    const entering = parameters.map((parameter, index) =>
      parameter.type === at(body.parameters, index).type ? parameter : cast(parameter, "f32"),
    );
    const types = node.outputs.map((output, index) =>
      rule?.outputs.includes(index) === true ? typeOf(output, "always") : "f32",
    );
    const results = inline(body, entering).map((result, index) => {
      const type = at(types, index);
      return type === "f32" ? result : cast(result, type);
    });
    const outputs = builderFor(node.origin).applyAll("call", inputs, node.attributes, [
      { parameters, results },
    ]);
    node.outputs.forEach((output, index) => stand(output, at(outputs, index)));
  };
  /** What stands for an output that is of its final type already. */
  const stand = (output: Value, value: Value): void =>
    void stands.set(
      output,
      value.type === output.type ? { wide: value } : { wide: cast(value, "f32"), narrow: value },
    );

  const narrowRepeat = (node: Node): void => {
    const loop = readRepeat(node);
    const inner = facts.inside(node);
    const inside = new Map<Value, Stand>();
    const enter = (entry: Entry, type: Precision["compute"]): Value => {
      if (type === "f32" || !isEven(entry.inner)) {
        inside.set(entry.inner, { wide: entry.inner });
        return entry.inner;
      }
      const parameter = makeParameter(nameOf(entry.inner), { shape: entry.inner.shape, type });
      inside.set(entry.inner, { wide: cast(parameter, "f32"), narrow: parameter });
      return parameter;
    };
    const given = (entry: Entry): Entry => {
      const taken =
        compute !== "f32" && inner.operands.has(entry.inner) ? operand(entry.outer) : wide(entry.outer);
      const type = taken.type === compute && compute !== "f32" ? compute : "f32";
      return { outer: taken, inner: enter(entry, type) };
    };
    const constants = loop.constants.map(given);
    const stacked = loop.stacked.map(given);
    const runs = loop.carried.map(({ initial, inner: value }) => {
      const handedOn =
        loop.stacked.length > 0 && isEven(value) && inner.leading.has(value) && !facts.weights.has(initial);
      const type = handedOn ? store : "f32";
      return { type, parameter: enter({ outer: initial, inner: value }, type) };
    });
    const body = visit(at(node.regions, 0), inner, inside, { compute, reads, store, kernels });
    const carried = loop.carried.map(({ initial, next }, index) => {
      const { type, parameter } = at(runs, index);
      return {
        initial: type === "f32" ? wide(initial) : held(initial, type),
        inner: parameter,
        next: type === "f32" ? body.wide(next) : body.held(next, type),
      };
    });
    const built = buildRepeat({
      ...loop,
      constants,
      carried,
      stacked,
      collected: loop.collected.map(body.wide),
    });
    [...built.carried, ...built.collected].forEach((value, index) => stand(at(node.outputs, index), value));
  };

  for (const node of nodesBetween(region.results, new Set(region.parameters))) {
    if (node.outputs.some((output) => facts.weights.has(output))) {
      // What hangs on weights alone is computed as ever.
      const inputs = node.inputs.map(wide);
      const outputs = builderFor(node.origin).applyAll(node.operation, inputs, node.attributes, node.regions);
      node.outputs.forEach((output, index) => stands.set(output, { wide: at(outputs, index) }));
    } else if (isRepeat(node)) narrowRepeat(node);
    else if (node.operation === "call") narrowCall(node);
    else {
      const { narrow } = operationOf(node.operation);
      const inputs = node.inputs.map((input) => (narrow?.takes === true ? operand(input) : wide(input)));
      const outputs = builderFor(node.origin).applyAll(node.operation, inputs, node.attributes, node.regions);
      node.outputs.forEach((output, index) =>
        keep(output, at(outputs, index), typeOf(output, narrow?.gives)),
      );
    }
  }
  return { wide, held };
}

/** Whether rows of the value can lie two elements in a word. */
function isEven({ shape, type }: Value): boolean {
  return type === "f32" && shape.length >= 2 && (shape.at(-1) ?? 1) % 2 === 0;
}
