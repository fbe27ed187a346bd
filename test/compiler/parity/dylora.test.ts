// A range of ranks against PyTorch's values, interpreted in float64: with the ranks that were drawn there, losses, gradient norms and the
// final adapter are the same. What a step does not change keeps its weight and its optimizer's states bit for bit, whatever else the
// recipe asks for.
import { expect, test } from "vitest";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { methodExpected, methodFolder, tensorsIn } from "./reference.ts";
import { distances, moduleOf, parityRecipe as recipe, relative, run } from "./train.ts";

const { ranks } = methodExpected("dylora-all") as unknown as { readonly ranks: readonly number[] };

const clause = (update: string, more = ""): string =>
  `adapter dylora { rank: 1..4, alpha: 8, update: ${update}, draw: [${ranks.join(", ")}]${more} }`;
const start = (update: string): string => `, start: "${methodFolder(`dylora-${update}`)}/adapter_init"`;

test.each(["all", "last"])("dylora trains %s as PyTorch has it", async (update) => {
  const folder = methodFolder(`dylora-${update}`);
  const { module, elaborated, gradients } = moduleOf("llama", recipe(clause(update, start(update))));
  const trace = await run("llama", module, 20, {
    adapter: `${folder}/adapter_init`,
    ranks: elaborated.ranks,
  });
  const expected = methodExpected(`dylora-${update}`);
  expect(relative(trace.losses, expected.losses)).toBeLessThan(1e-5);
  expect(relative(trace.norms, expected.total_grad_norms)).toBeLessThan(1e-4);
  const final = await tensorsIn(`${folder}/final.safetensors`);
  for (const weight of gradients.keys())
    expect(Math.max(...distances(module, weight, trace.last.get(weight), final)), weight).toBeLessThan(5e-5);
});

/** Elements of a stack's rows or columns, with the place of each among the ranks. */
function byRank(name: string, { shape, data }: Tensor): { readonly place: number; readonly value: number }[] {
  const [, rows = 1, columns = 1] = shape;
  const isA = name.includes("lora_A");
  return [...data].map((value, at) => ({
    value,
    place: isA ? Math.floor(at / columns) % rows : at % columns,
  }));
}

const optimizers: readonly string[] = [
  "adamw { rate: 3e-3, weight_decay: 0.1, clip: 0.5 }",
  "sgd { rate: 1e-1, momentum: 0.9, weight_decay: 0.1 }",
  "lion { rate: 1e-3 }",
  "rmsprop { rate: 1e-3 }",
  "adagrad { rate: 1e-2 }",
  "lomo { rate: 1e-2 }",
];

test.each(optimizers)("%s: what does not move keeps its weight and its states", async (optimizer) => {
  const ranks = [3, 1, 2];
  for (const update of ["all", "last"]) {
    const text = recipe(
      `adapter dylora { rank: 1..4, update: ${update}, draw: [${ranks.join(", ")}], dropout: 0.1 }`,
      // An update made during the backward pass knows one micro-batch.
      `accumulation ${optimizer.startsWith("lomo") ? 1 : 2}, checkpoint every 1`,
    ).replace(/optimizer .*/, `optimizer ${optimizer}`);
    const { module, elaborated } = moduleOf("llama", text);
    let { last } = await run("llama", module, 0, { ranks: elaborated.ranks });
    for (const [step, rank] of ranks.entries()) {
      const before = last;
      const drawn = elaborated.ranks.map((range) => ({
        ...range,
        draw: { kind: "listed", ranks: [rank] } as const,
      }));
      ({ last } = await run("llama", module, 1, { from: before, ranks: drawn }));
      for (const [name, tensor] of last) {
        if (!/lora_[AB]/.test(name) || name.startsWith("gradient")) continue;
        const old = byRank(name, before.get(name) ?? tensor);
        const changed = new Set(
          byRank(name, tensor).flatMap(({ place, value }, at) => (value === old[at]?.value ? [] : [place])),
        );
        const may = update === "all" ? [0, 1, 2, 3].slice(0, rank) : [rank - 1];
        expect(
          [...changed].filter((place) => !may.includes(place)),
          `${name}, step ${step + 1}`,
        ).toEqual([]);
        // B begins at zero, so that A has no gradient at first.
        if (step > 0 && name.includes("lora_B.weight")) expect(changed.size, name).toBe(may.length);
      }
    }
  }
});

test("modules with a range of their own follow the draw as far as it goes", async () => {
  const groups = `group "*.q_proj" { rank: 1..2 }`;
  const text = recipe(`adapter dylora { rank: 1..4, alpha: 8, draw: [4]\n ${groups}\n }`);
  const { module, elaborated } = moduleOf("llama", text);
  const { last } = await run("llama", module, 2, { ranks: elaborated.ranks });
  const shapes = module.variables.flatMap(({ name, shape }) =>
    /^dylora.*(q|k)_proj.lora_A/.test(name) ? [shape.slice(0, 2)] : [],
  );
  expect(shapes).toEqual([
    [2, 2],
    [2, 4],
  ]);
  for (const [name, tensor] of last)
    if (name.startsWith("dylora") && name.includes("lora_B"))
      expect(
        byRank(name, tensor).some(
          ({ place, value }) => place === (name.includes("q_proj") ? 1 : 3) && value !== 0,
        ),
        name,
      ).toBe(true);
  const [facts] = elaborated.adapters;
  expect(facts?.fields.get("rank_pattern")).toEqual(new Map([["q_proj", 2]]));
});

test("the gradients at a rank are those of central differences, and zero behind it", async () => {
  const { module, elaborated, gradients } = moduleOf("llama", recipe(clause("all", start("all"))));
  const folder = `${methodFolder("dylora-all")}/adapter_init`;
  const ranks = elaborated.ranks.map((range) => ({
    ...range,
    draw: { kind: "listed", ranks: [2] } as const,
  }));
  // After two steps neither A nor B is zero.
  const { last } = await run("llama", module, 2, { adapter: folder, ranks: elaborated.ranks });
  const { first, losses } = await run("llama", module, 1, { from: last, ranks });
  for (const [weight, gradient] of [...gradients].filter(([name]) => /(q|down)_proj/.test(name))) {
    const [tensor, found] = [last.get(weight), first.get(gradient)];
    if (tensor === undefined || found === undefined) throw new Error(weight);
    expect(byRank(weight, found).filter(({ place, value }) => place >= 2 && value !== 0)).toEqual([]);
    for (const at of [0, 1, tensor.data.length - 3, Math.floor(tensor.data.length / 2)]) {
      const eps = 1e-5;
      const moved = async (by: number): Promise<number> => {
        const data = Float64Array.from(tensor.data);
        data[at] = (data[at] ?? NaN) + by;
        const from = new Map([...last, [weight, { ...tensor, data }] as const]);
        return (await run("llama", module, 1, { from, ranks })).losses[0] ?? NaN;
      };
      const wanted = ((await moved(eps)) - (await moved(-eps))) / (2 * eps);
      expect(Math.abs((found.data[at] ?? NaN) - wanted), `${weight} ${at}`).toBeLessThan(1e-8);
    }
  }
  expect(losses[0]).toBeGreaterThan(0);
}, 120_000);

test("a rank alone is a range of one, which is LoRA", async () => {
  const folder = `${methodFolder("dylora-all")}/adapter_init`;
  const lines = ["dylora", "lora"].map((name) =>
    moduleOf("llama", recipe(`adapter ${name} { rank: 4, alpha: 8, start: "${folder}" }`)),
  );
  const [one, other] = await Promise.all(
    lines.map(({ module }) => run("llama", module, 3, { adapter: folder })),
  );
  expect(lines[0]?.elaborated.ranks).toEqual([]);
  expect(one?.losses).toEqual(other?.losses);
});
