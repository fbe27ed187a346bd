// What the page of a report is drawn from: plain data that is written into the page once and read back by its script, so this file is
// shared by both. Long lists stand as packed columns: a plan of 80 layers has 18,000 tensors and 21,000 dispatches, and takes about a
// megabyte. Numbers in a column that grow evenly, or stay, take next to nothing.
import type { PlanReport } from "../plan/report-json.ts";

/** A list of whole numbers: differences in base 36, "d*n" for n equal ones in a row. */
export type Column = string;

export interface PageData {
  /** The stages of a recipe, or the recipes that are compared. */
  readonly plans: readonly PagePlan[];
  /** The comparison of two plans, as the terminal shows it. */
  readonly comparison: string | undefined;
}

export interface PagePlan {
  /** The stage, or the recipe's name. */
  readonly title: string;
  readonly report: PlanReport;
  /** Why it is refused. */
  readonly refusal: { readonly message: string; readonly label: string } | undefined;
  readonly recipe: { readonly path: string; readonly lines: readonly string[] };
  /** Lines of the recipe, from 1, that stand behind something; others are named by their index here. */
  readonly causes: readonly (readonly number[])[];
  /** Places in files, "stdlib/adapters/lora.ftl:25". */
  readonly places: readonly string[];
  /** Names and paths; "{i}" stands for the layer's number. */
  readonly names: readonly string[];
  readonly shapes: readonly string[];
  readonly kinds: readonly string[];
  readonly types: readonly string[];
  readonly buffers: readonly { readonly name: string; readonly size: number; readonly transient: boolean }[];
  readonly tensors: PageTensors;
  readonly kernels: readonly PageKernel[];
  readonly programs: readonly PageProgram[];
  /** The programs of a step by index, each once, in order. */
  readonly step: readonly number[];
  /** Index in `causes` for each decision of the report. */
  readonly decisionCauses: readonly number[];
}

/** Tensors with memory of their own. */
export interface PageTensors {
  readonly count: number;
  readonly name: Column;
  /** −1: no layer. */
  readonly layer: Column;
  readonly kind: Column;
  readonly type: Column;
  readonly shape: Column;
  readonly buffer: Column;
  /** Bytes in the buffer. */
  readonly offset: Column;
  readonly size: Column;
  /** −1: persistent. */
  readonly program: Column;
  readonly first: Column;
  readonly last: Column;
  readonly cause: Column;
  /** −1: none. */
  readonly place: Column;
}

export interface PageKernel {
  /** A letter for each binding: "r" reads, "w" writes, "x" both. */
  readonly access: string;
  readonly workgroups: readonly [number, number, number];
  readonly workgroupSize: readonly [number, number, number];
  /** Index in `causes`. */
  readonly cause: number;
}

export interface PageProgram {
  readonly name: string;
  readonly perStep: number;
  readonly peakAt: number;
  readonly count: number;
  readonly kernel: Column;
  /** Index in `names`. */
  readonly path: Column;
  readonly layer: Column;
  /** The tensors of all bindings, dispatch after dispatch: as many of each as its kernel has bindings. */
  readonly tensors: Column;
  /** For each of these, how many dispatches before this one wrote what it reads last; 0: none of this program did. */
  readonly distances: Column;
}

export function pack(values: Iterable<number>): Column {
  const runs: string[] = [];
  let [before, step, count] = [0, 0, 0];
  const close = (): void => {
    if (count > 0) runs.push(count === 1 ? step.toString(36) : `${step.toString(36)}*${count.toString(36)}`);
  };
  for (const value of values) {
    if (value - before !== step || count === 0) {
      close();
      step = value - before;
      count = 0;
    }
    count += 1;
    before = value;
  }
  close();
  return runs.join(",");
}

export function unpack(column: Column): number[] {
  const values: number[] = [];
  let value = 0;
  for (const run of column === "" ? [] : column.split(",")) {
    const [step = "", count = "1"] = run.split("*");
    const by = parseInt(step, 36);
    for (let left = parseInt(count, 36); left > 0; left -= 1) values.push((value += by));
  }
  return values;
}
