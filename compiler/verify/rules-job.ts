// The rule about what the host brings: a batch is its micro-batches, what is written of one has room for its rows, and the scalars of a step are
// made of numbers that a step has.
import type { ScalarExpression } from "../ir/graph.ts";
import { elements, type Rule } from "./rule.ts";

export const job: Rule = {
  name: "job",
  about:
    "a batch is its micro-batches, the host's variables have room for one, and scalars are made of numbers that a step has",
  check(plan, report) {
    const { batch, rows, accumulation, tokens, learns, ranks } = plan.job;
    report.examine();
    if (rows * accumulation !== batch)
      report.refuse(`a batch of ${batch} rows is not ${accumulation} micro-batches of ${rows}`);
    const room = { ids: rows * tokens, positions: rows * tokens, segments: rows * tokens };
    const wanted = new Map(
      Object.entries({ ...room, [learns.kind]: learns.kind === "classes" ? rows : rows * tokens }),
    );
    for (const { name, shape, parts, initial } of plan.variables) {
      const needed = wanted.get(name);
      if (needed === undefined || initial.from !== "host") continue;
      report.examine();
      if (elements(shape) !== needed)
        report.refuse(
          `variable '${name}' has ${elements(shape)} elements and a micro-batch brings ${needed}`,
          {
            tensors: parts,
          },
        );
    }
    const scalars = plan.variables.find(({ name }) => name === "scalars");
    if (plan.scalars.length > elements(scalars?.shape ?? [0])) {
      report.refuse(
        `the host computes ${plan.scalars.length} scalars and the variable 'scalars' has no room for them`,
      );
    }
    const numbers = new Set([...stepNumbers, ...ranks.map(({ name }) => name)]);
    for (const { name, expression } of plan.scalars) {
      report.examine();
      for (const used of namesIn(expression))
        if (!numbers.has(used)) report.refuse(`scalar '${name}' is made of '${used}', which no step has`);
    }
  },
};

/** See `ScalarExpression`. */
const stepNumbers = ["step", "update", "steps", "targets", "seed"];

function namesIn(expression: ScalarExpression): readonly string[] {
  if (typeof expression === "number") return [];
  return "name" in expression ? [expression.name] : expression.to.flatMap(namesIn);
}
