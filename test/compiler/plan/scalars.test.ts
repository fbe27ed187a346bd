// Scalars of a step, in float64.
import { describe, expect, test } from "vitest";
import type { ScalarExpression } from "../../../compiler/ir/graph.ts";
import { arithmetic, evaluateScalar, logic } from "../../../compiler/plan/scalars.ts";

const numbers = { step: 3, update: 2, steps: 10, targets: 40, seed: 7 };
const apply = (name: string, ...to: ScalarExpression[]): ScalarExpression => ({ apply: name, to });

describe("scalars of a step", () => {
  test("warm-up and a cosine", () => {
    const warm = apply("minimum", 1, apply("divide", { name: "step" }, 4));
    expect(evaluateScalar(apply("multiply", 2e-4, warm), numbers)).toBe(2e-4 * 0.75);
    const turn = apply(
      "cos",
      apply("multiply", Math.PI, apply("divide", { name: "step" }, { name: "steps" })),
    );
    expect(evaluateScalar(turn, numbers)).toBe(Math.cos(Math.PI * (3 / 10)));
  });

  test("bias corrections", () => {
    expect(evaluateScalar(apply("subtract", 1, apply("power", 0.999, { name: "update" })), numbers)).toBe(
      1 - 0.999 ** 2,
    );
  });

  test("every function has a value", () => {
    for (const name of [...Object.keys(arithmetic), ...Object.keys(logic)])
      expect(evaluateScalar(apply(name, 2, 3), numbers), name).not.toBeNaN();
  });

  test("choices: true is 1, and what is not chosen may be no number", () => {
    const early = apply("less", { name: "step" }, 4);
    expect(evaluateScalar(early, numbers)).toBe(1);
    expect(evaluateScalar(apply("not", early), numbers)).toBe(0);
    expect(evaluateScalar(apply("select", early, 5, apply("divide", 0, 0)), numbers)).toBe(5);
    const late = apply("or", apply("equal", { name: "step" }, 4), apply("less_equal", 10, { name: "step" }));
    expect(evaluateScalar(apply("select", late, apply("divide", 0, 0), 6), numbers)).toBe(6);
  });

  test.each(["constructor", "__proto__", "sinh"])("no function and no number is called %s", (name) => {
    expect(() => evaluateScalar(apply(name, 1), numbers)).toThrow(/no function of scalars/);
    expect(() => evaluateScalar({ name }, numbers)).toThrow(/no number/);
  });
});
