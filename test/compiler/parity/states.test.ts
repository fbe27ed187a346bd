// Optimizers' states in fewer bits, in float64: after an update they hold what the published algorithm makes of the new states; small ones
// stay as they are; every optimizer of the library can have them.
import { expect, test } from "vitest";
import { exampleUse } from "../../../compiler/language/example.ts";
import { libraryIndex, resolve } from "../../../compiler/language/resolve.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import { toBf16 } from "../../../compiler/ops/rounding.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { bytesOf, found } from "../library/formats.ts";
import { dynamic8, fromDynamic8, type Blocks } from "../library/quantization.ts";
import { moduleOf, parityRecipe, run } from "./train.ts";

const recipe = (optimizer: string): string =>
  parityRecipe("").replace(/optimizer .*/, `optimizer ${optimizer}`);
const exact = (value: number): number => value;
const betas = [0.9, 0.999] as const;

/** Part `at` of a stack of `parts`. */
function part({ data }: Tensor, at: number, parts: number): Float64Array {
  const size = data.length / parts;
  return data.subarray(at * size, (at + 1) * size);
}

test("adamw in int8 holds the codes of both moments, in blocks of 256", async () => {
  const { module } = moduleOf("llama", recipe("adamw { rate: 3e-3, state: int8 }"));
  const { first, last } = await run("llama", module, 1);
  const name = "model.layers.{i}.mlp.up_proj.weight";
  for (const layer of [0, 1]) {
    const g = part(found(first, `gradient of ${name}`), layer, 2);
    const states: readonly (readonly [string, boolean, Blocks])[] = [
      [
        "m",
        true,
        dynamic8(
          g.map((each) => (1 - betas[0]) * each),
          256,
          true,
          exact,
        ),
      ],
      [
        "v",
        false,
        dynamic8(
          g.map((each) => (1 - betas[1]) * each * each),
          256,
          false,
          exact,
        ),
      ],
    ];
    for (const [state, , { codes, scales }] of states) {
      const words = { shape: [], data: part(found(last, `codes of ${state} of ${name}`), layer, 2) };
      expect([...bytesOf(words)]).toEqual(codes);
      const own = part(found(last, `scales of ${state} of ${name}`), layer, 2);
      expect(Math.max(...scales.map((scale, at) => Math.abs((own[at] ?? NaN) / scale - 1)))).toBeLessThan(
        1e-9,
      );
    }
  }
  // 64 numbers of a norm are not worth it.
  expect(found(last, "m of model.norm.weight").shape).toEqual([64]);
});

test("the second update goes on from what the states stand for", async () => {
  const { module } = moduleOf("llama", recipe("adamw { rate: 3e-3, state: int8 }"));
  const once = await run("llama", module, 1);
  const twice = await run("llama", module, 1, { from: once.last });
  const name = "lm_head.weight";
  const before = found(once.last, `scales of m of ${name}`).data;
  const codes = [...bytesOf(found(once.last, `codes of m of ${name}`))];
  const m = fromDynamic8({ codes, scales: [...before] }, 256, true, Math.fround);
  const g = found(twice.first, `gradient of ${name}`).data;
  const wanted = dynamic8(
    m.map((each, at) => betas[0] * each + (1 - betas[0]) * (g[at] ?? NaN)),
    256,
    true,
    exact,
  );
  const own = [...bytesOf(found(twice.last, `codes of m of ${name}`))];
  const other = own.filter((code, at) => code !== wanted.codes[at]);
  expect(other.length / own.length).toBeLessThan(1e-3);
});

test("adamw in bf16 rounds both moments", async () => {
  const { module } = moduleOf("llama", recipe("adamw { rate: 3e-3, state: bf16 }"));
  const { first, last } = await run("llama", module, 1);
  const name = "model.norm.weight";
  const g = found(first, `gradient of ${name}`).data;
  expect(module.variables.find((each) => each.name === `m of ${name}`)?.type).toBe("bf16");
  expect([...found(last, `m of ${name}`).data]).toEqual(
    Array.from(g, (each) => toBf16((1 - betas[0]) * each)),
  );
  expect([...found(last, `v of ${name}`).data]).toEqual(
    Array.from(g, (each) => toBf16((1 - betas[1]) * each * each)),
  );
});

const { scope } = resolve({ path: "", text: "" }, () => undefined);
const optimizers = [...found(libraryIndex, "optimizer").keys()].toSorted();

test.each(optimizers.flatMap((name) => ["bf16", "int8"].map((state) => ({ name, state }))))(
  "$name keeps no state that is one number a weight in f32 where $state is said",
  ({ name, state }) => {
    const definition = scope.inLibrary("optimizer", name);
    if (definition === undefined) throw new Error(name);
    const use = exampleUse(definition);
    const written = use.includes("{")
      ? use.replace(/\}$/, `, state: ${state} }`)
      : `${use} { state: ${state} }`;
    const { module } = moduleOf("llama", recipe(written));
    const wide = module.variables.filter(({ name: own, kind, type, stack, shape }) => {
      const weight = module.variables.find((each) => own.endsWith(` of ${each.name}`));
      const isOneAWeight = kind === "optimizer" && weight?.shape.join() === shape.join();
      return (
        isOneAWeight && type === "f32" && (state === "bf16" || sizeOf(stack ? shape.slice(1) : shape) >= 4096)
      );
    });
    expect(wide.map((each) => each.name)).toEqual([]);
  },
);

test("a method that moves single weights may have states in int8", () => {
  const { module } = moduleOf(
    "llama",
    recipe("adamw { rate: 1e-3, state: int8 }\n  method sparse_mezo { eps: 1e-3 }"),
  );
  const update = module.programs.find(({ name }) => name === "update");
  // What does not move keeps its bits, so the old ones are read.
  const name = "codes of v of lm_head.weight";
  expect(update?.reads).toContain(name);
  expect(update?.writes).toContain(name);
});
