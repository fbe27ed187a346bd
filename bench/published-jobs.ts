// Jobs whose memory was published, and what of a plan is to be held beside it. Comes in: nothing. Goes out: for each job where its figures come
// from, the recipe in bench/recipes/published with changes, which part of the plan they speak of, and why they differ. Holds: reasons name
// parts of the plan that `ftlc compile` prints for the recipe.
import type { PlanReport } from "../compiler/plan/report.ts";

type Memory = PlanReport["memory"];

export interface Point {
  /** As it was published, in the job's unit. */
  readonly published: string;
  /** Changes of the recipe, as `--set` takes them. */
  readonly set: readonly string[];
}

export interface Job {
  readonly job: string;
  readonly recipe: string;
  readonly unit: "GB" | "GiB" | "MB" | "%";
  readonly points: readonly Point[];
  /** The bytes that the figures speak of. */
  readonly of: (memory: Memory) => number;
  /** Where the figures are shares: of what, of the recipe without changes. */
  readonly against?: (memory: Memory) => number;
  readonly why: string;
}

const peak = ({ peak_bytes }: Memory): number => peak_bytes;
const one = (published: string, ...set: readonly string[]): readonly Point[] => [{ published, set }];
const perLength = (...figures: readonly string[]): readonly Point[] =>
  figures.map((published, at) => ({ published, set: [`data.length=${256 * 2 ** at}`] }));
const adamw8 = "optimizer=adamw { rate: 1e-4, state: int8 }";

export const jobs: readonly Job[] = [
  {
    job: "Qwen-7B, LoRA, 1 × 256, 512, 1024, 2048, 4096, 8192",
    recipe: "qwen-7b-lora",
    unit: "GB",
    points: perLength("20.1", "20.4", "21.5", "23.8", "29.7", "36.6"),
    of: peak,
    why: "their figures grow by 2.08 MB a token, ours by 0.43. The inputs of layers, which checkpointing keeps, are 0.26 of both; logits in bf16 and f32 with gradients of both would be 1.82. Here the loss goes by chunks and no logits are stored. Theirs count the process's context",
  },
  {
    job: "Qwen-7B, QLoRA, the same lengths",
    recipe: "qwen-7b-qlora",
    unit: "GB",
    points: perLength("11.5", "11.5", "12.3", "13.9", "16.9", "23.5"),
    of: peak,
    why: "the same; of the rest here, most is a layer's weights, decoded to f32",
  },
  {
    job: "Llama-3.1-8B, LoRA, 2 × 2048 (torchtune)",
    recipe: "llama-3.1-8b-lora",
    unit: "GiB",
    points: one("16.2"),
    of: peak,
    why: "all rows are planned at the full length; of the rest 1.0 GiB are inputs of layers",
  },
  {
    job: "Llama-3.1-8B, QLoRA, 2 × 2048 (torchtune)",
    recipe: "llama-3.1-8b-qlora",
    unit: "GiB",
    points: one("7.4"),
    of: peak,
    why: "the same; a layer's weights are decoded into scratch before its products, and embedding and head stay in bf16 (2.0 GiB)",
  },
  {
    job: "Llama-3.2-3B, all parameters, 2 × 4096 (torchtune)",
    recipe: "llama-3.2-3b-full",
    unit: "GiB",
    points: [...one("42.9"), ...one("24.9", "checkpoint=every 1")],
    of: peak,
    why: "weights, gradients and AdamW state are f32 here, 16 bytes a parameter, and bf16 there, 8, or 23.9 GiB: what remains without checkpointing is 13.7 GiB here and 19.0 there",
  },
  {
    job: "Llama-3.2-3B, LoRA, 2 × 4096 (torchtune)",
    recipe: "llama-3.2-3b-lora",
    unit: "GiB",
    points: one("8.5"),
    of: peak,
    why: "adapter and gradients are f32 here; inputs of layers are 1.3 GiB",
  },
  {
    job: "Llama-3.2-3B, QLoRA, 2 × 4096 (torchtune)",
    recipe: "llama-3.2-3b-qlora",
    unit: "GiB",
    points: one("4.6"),
    of: peak,
    why: "the same",
  },
  {
    job: "LLaMA-7B, QLoRA paper: weights in 4 bits",
    recipe: "llama-7b-qlora",
    unit: "MB",
    points: one("5048"),
    of: ({ by_kind }) => by_kind.weights,
    why: "4.13 bits for a weight of a linear, bf16 for embedding and head (525 MB, in f32 1,049): exactly so; the paper does not say what its figure is made of",
  },
  {
    job: "LLaMA-7B, QLoRA paper: kept for the backward pass, 1 × 512; with checkpointing",
    recipe: "llama-7b-qlora",
    unit: "MB",
    points: [...one("567"), ...one("18", "checkpoint=every 1")],
    of: ({ by_kind }) => by_kind.activations,
    why: "the paper counts gradients of inputs alone; the plan's activations are all that waits at the peak, most of it what layers keep for their backward pass",
  },
  {
    job: "3B parameters, optimizer state: AdamW, Adafactor, 8-bit AdamW",
    recipe: "llama-3.2-3b-full",
    unit: "GB",
    points: [
      ...one("24"),
      ...one("> 12", "optimizer=adafactor { rate: 1e-4, momentum: 0.9 }"),
      ...one("6", adamw8),
    ],
    of: ({ by_kind }) => by_kind.optimizer,
    why: "this model has 3.21 B parameters: 8.0, 4.0 and 2.03 bytes each, as the rule has it. Adafactor with momentum; without it the state is 7 MB of rows and columns",
  },
  {
    job: "1.5B parameters, f32, 32 × 1024; mixed with checkpointing",
    recipe: "gpt2-xl-full",
    unit: "GB",
    points: [...one("84"), ...one("26.8", "precision=mixed { compute: f16 }", "checkpoint=every 1")],
    of: peak,
    why: "GPT-2 XL, with rows and length as in the ZeRO paper, which counts 60 GB of activations for them; here all of these are f32. Weights, gradients and state are 24.9 GB, in mixed precision too",
  },
  {
    job: "Llama-2-7B in 8 bits, LoRA, 4 × 512",
    recipe: "llama-2-7b-int8-lora",
    unit: "GB",
    points: one("15–17"),
    of: peak,
    why: "rows and length are not said there; these are common ones. A plan has neither context nor fragments",
  },
  {
    job: "Llama-2-7B, LOMO beside AdamW, 1 × 512",
    recipe: "llama-2-7b-full",
    unit: "%",
    points: one("10.8", "optimizer=lomo { rate: 1e-4 }"),
    of: peak,
    against: peak,
    why: "of 16 bytes a parameter 4 are left, the f32 weights that train; there weights train in 16 bits. Gradients are those of one layer",
  },
  {
    job: "Qwen2.5-0.5B, MeZO beside inference, 1 × 512",
    recipe: "qwen2.5-0.5b-mezo",
    unit: "%",
    points: one("100"),
    of: ({ programs }) => programs["micro"]?.peak_bytes ?? Number.NaN,
    against: ({ programs }) => programs["evaluate"]?.peak_bytes ?? Number.NaN,
    why: "a step's forward pass and evaluation's, in one plan; what is added to the weights is drawn anew, never kept",
  },
  {
    job: "Falcon-40B, QDyLoRA 1..64, 16 × 512",
    recipe: "falcon-40b-qdylora",
    unit: "GiB",
    points: one("32"),
    of: peak,
    why: "the paper's card; `memory 30GiB` here, met by `auto`",
  },
];
