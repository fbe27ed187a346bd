// Wrong recipes by title, each with the other files it may read. What is said of them is in golden/wrong-recipes.txt.
type WrongRecipe = readonly [title: string, text: string, files?: Readonly<Record<string, string>>];

/** A recipe that is right but for the lines given; a line replaces the usual one of the same noun, `-noun` leaves it out. */
function recipe(...lines: readonly string[]): string {
  const usual = new Map([
    ["model", 'model "base"'],
    ["adapter", "adapter lora { rank: 4 }"],
    ["data", 'data "rows.jsonl" { format: tokens, length: 48 }'],
    ["batch", "batch 8"],
    ["optimizer", "optimizer adamw { rate: 1e-3 }"],
    ["training", "training 20 steps"],
  ]);
  const more: string[] = [];
  for (const line of lines) {
    const noun = /^-?(\w+)/.exec(line)?.[1] ?? "";
    if (line.startsWith("-")) usual.delete(noun);
    else if (usual.has(noun)) usual.set(noun, line);
    else more.push(line);
  }
  return ["recipe r {", ...[...usual.values(), ...more].map((line) => `  ${line}`), "}"].join("\n");
}

export const wrongRecipes: readonly WrongRecipe[] = [
  ["unknown clause", recipe("acumulation 4")],
  ["unknown clause without a like", recipe("zebra 4")],
  ["unknown option", recipe('data "rows.jsonl" { format: tokens, lenght: 48 }')],
  ["unknown option of an adapter", recipe("adapter lora { rank: 4, alhpa: 8 }")],
  ["a group of an adapter", recipe('adapter lora { rank: 4\n    group "q_proj" { rang: 8 }\n    group\n  }')],
  ["option without a colon", recipe("training 20 steps { seed 7 }")],
  ["clause twice", recipe("memory 1GiB", "memory 2GiB")],
  ["option twice", recipe("adapter lora { rank: 4, rank: 8 }")],
  ["everything missing", "recipe r {\n}"],
  ["an adapter needs its rank", recipe("adapter lora")],
  ["nothing trains", recipe("-adapter")],
  ["nothing trains, said", recipe("-adapter", 'model "base" { train: none }')],
  ["accumulation does not divide the batch", recipe("accumulation 3")],
  ["groups as an option", recipe('optimizer adamw { rate: 1e-3, groups: ["*.bias"] { weight_decay: 0 } }')],
  ["groups as a clause", recipe('optimizer adamw { rate: 1e-3, groups "*.bias" { weight_decay: 0 } }')],
  ["a group of nothing", recipe("optimizer adamw { rate: 1e-3, group { weight_decay: 0 } }")],
  [
    "an unknown option in a group",
    recipe('optimizer adamw { rate: 1e-3, group "*.bias" { wieght_decay: 0 } }'),
  ],
  ["a group without a colon", recipe('optimizer adamw { rate: 1e-3, group "*.bias" { rate 0 } }')],
  ["a number as a group", recipe("optimizer adamw { rate: 1e-3, group 3 { rate: 0 } }")],
  ["training without a unit", recipe("training 100")],
  ["training in unknown units", recipe("training 100 stpes")],
  ["half a step", recipe("training 0.5 steps")],
  ["memory without a unit", recipe("memory 8")],
  ["memory in GB", recipe("memory 8GB")],
  ["batch as a text", recipe('batch "32"')],
  ["batch of zero", recipe("batch 0")],
  ["model without quotes", recipe("model base")],
  ["model without a path", recipe("model")],
  ["unknown format", recipe('data "rows.jsonl" { format: promt }')],
  ["no format", recipe('data "rows.jsonl"')],
  ["unknown optimizer", recipe("optimizer adamv { rate: 1e-3 }")],
  ["unknown adapter", recipe("adapter zebra { rank: 4 }")],
  ["number where a list belongs", recipe("optimizer adamw { rate: 1e-3, betas: 0.9 }")],
  ["list of the wrong length", recipe("optimizer adamw { rate: 1e-3, betas: [0.9] }")],
  ["a range for an adapter of one rank", recipe("adapter lora { rank: 1..64 }")],
  ["warm-up without a unit", recipe("schedule constant { warmup: 100 }")],
  ["unknown weights", recipe('model "base" { weights: nf8 }')],
  ["unknown option of nf4", recipe('model "base" { weights: nf4 { blok: 64 } }')],
  ["nf4 block that is no number", recipe('model "base" { weights: nf4 { block: large } }')],
  ["options of a type", recipe('model "base" { weights: bf16 { block: 64 } }')],
  ["unknown state", recipe("optimizer adamw { rate: 1e-3, state: int3 }")],
  ["checkpoint as a number", recipe("checkpoint 2")],
  ["checkpoint every nothing", recipe("checkpoint every")],
  ["options of precision f32", recipe("precision f32 { compute: f16 }")],
  [
    "a fixed loss scale that is doubled",
    recipe("precision mixed { loss_scale: 1024, doubling: every 100 steps }"),
  ],
  ["a loss scale doubled by no steps", recipe("precision mixed { doubling: 2000 }")],
  ["rows with a class, packed", recipe('data "rows.jsonl" { format: label, pack: true }')],
  [
    "rows with a class, packed as those to learn from",
    recipe('data "rows.jsonl" { format: prompt, pack: true }', 'evaluation "held.jsonl" { format: label }'),
  ],
  [
    "a file for evaluation beside a split",
    recipe('data "rows.jsonl" { format: tokens, split: 5% }', 'evaluation "held.jsonl"'),
  ],
  ["nothing left to learn from", recipe('data "rows.jsonl" { format: tokens, split: 100% }')],
  ["evaluation without rows", recipe("evaluation { every: 10 steps }")],
  ["adapters of one name", recipe("adapter lora { rank: 4 }\n  adapter lora { rank: 8 }")],
  ["a name where none may be", recipe("batch 8 as rows")],
  ["an unknown device", recipe("device destkop")],
  ["an unknown device without a like", recipe("device zebra")],
  ["devices that do not add up", recipe("devices 4 { data: 3 }")],
  ["sweep of an unknown path", recipe("sweep { optimiser.rate: [1, 2] }")],
  ["sweep of a wrong value", recipe('sweep { batch: [4, "8"] }')],
  ["sweep of one value", recipe("sweep { batch: 4 }")],
  ["stage with a wrong value", recipe("stage one { training: 10 }")],
  ["missing import", `import "lora.ftl"\n${recipe()}`],
  ["import that is the library's", `import "../adapters/lora.ftl"\n${recipe()}`],
  [
    "imports in a circle",
    `import "a.ftl"\n${recipe()}`,
    { "a.ftl": 'import "b.ftl"', "b.ftl": 'import "a.ftl"' },
  ],
  ["several at once", recipe("modle 1", "memory 8", "batch none", 'data "x" { format: tex, pack: 1 }')],
];
