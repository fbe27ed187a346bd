// The clauses whose options hang on each other: rows for training and evaluation, precision, checkpointing, devices.
import { problem } from "../../grammar/diagnostic.ts";
import type { ReadRecipe } from "./clause.ts";
import { clauses } from "./clauses.ts";
import type {
  DataFormat,
  DataSettings,
  DevicesSettings,
  EvaluationSettings,
  Said,
  Settings,
} from "./settings.ts";

/** Positions of a row where the recipe does not say. */
export const defaultLength = 1024;

/** Extensions that say a format by themselves. */
const formatOf = (path: string): DataFormat | undefined =>
  /\.(txt|text|md)$/i.test(path) ? "text" : undefined;

export function dataOf(read: ReadRecipe): DataSettings | undefined {
  const clause = read.one(clauses.data);
  const path = clause?.argument;
  if (clause === undefined || path === undefined) return undefined;
  const { format, length, pack, learn, shuffle, split } = clause.options;
  const guess = format?.value ?? formatOf(path.value);
  const said =
    clause.clause.body?.some((entry) => entry.kind === "option" && entry.path[0]?.text === "format") ?? false;
  if (guess === undefined && !said) {
    const message = `'data' needs the option 'format' for ${JSON.stringify(path.value)}`;
    read.report(problem("FTL0305", path.span, message, "add format: text, prompt, chat, tokens or label"));
  }
  if (split !== undefined && split.value === 1) {
    read.report(problem("FTL0308", split.span, "'split' leaves rows to learn from", "less than 100%"));
  }
  const kind = guess ?? "text";
  unpacked(read, kind, pack);
  return {
    path,
    format: kind,
    length: length ?? { value: defaultLength, span: clause.clause.span },
    pack: pack?.value ?? false,
    learn: learn?.value ?? (kind === "prompt" || kind === "chat" ? "replies" : "all"),
    shuffle: shuffle?.value ?? true,
    split: split?.value ?? 0,
    span: clause.clause.span,
  };
}

/** `data` with a split holds out a share of its own rows; `evaluation` names no file then, and may say how those are read. */
export function evaluationOf(
  read: ReadRecipe,
  data: DataSettings | undefined,
): EvaluationSettings | undefined {
  const clause = read.one(clauses.evaluation);
  if (clause === undefined || data === undefined) {
    if (data === undefined || data.split === 0) return undefined;
    return { ...data, every: undefined, ranks: [] };
  }
  const { format, length, pack, learn, shuffle, every, ranks } = clause.options;
  if (clause.clause.arguments.length === 0 && data.split === 0) {
    const related = [{ span: data.span, label: "which keeps no share for evaluation" }];
    const message = "there are no rows to evaluate on";
    read.report(
      problem("FTL0314", clause.clause.noun.span, message, "name a file, or give data a split: 5%", {
        related,
      }),
    );
  }
  if (clause.argument !== undefined && data.split > 0) {
    const related = [{ span: data.span, label: "keeps a share for evaluation" }];
    const message = "evaluation names a file, and data keeps a share for it";
    read.report(problem("FTL0312", clause.argument.span, message, "one of them, not both", { related }));
  }
  const path = clause.argument ?? data.path;
  const kind =
    format?.value ?? (clause.argument === undefined ? undefined : formatOf(path.value)) ?? data.format;
  const packed = pack ?? { value: data.pack, span: clause.clause.span };
  if (pack !== undefined || kind !== data.format) unpacked(read, kind, packed);
  return {
    path,
    format: kind,
    length: length ?? data.length,
    pack: packed.value,
    learn: learn?.value ?? data.learn,
    shuffle: shuffle?.value ?? data.shuffle,
    split: clause.argument === undefined ? data.split : 0,
    every: every?.value,
    ranks: ranks?.value ?? [],
    span: clause.clause.span,
  };
}

/** A row that has a class has one. */
function unpacked(read: ReadRecipe, format: DataFormat, pack: Said<boolean> | undefined): void {
  if (format !== "label" || pack?.value !== true) return;
  read.report(problem("FTL0318", pack.span, "rows of format label are not packed", "write pack: false"));
}

/** Steps in a row without overflow that double a dynamic loss scale, where the recipe does not say. */
const cleanSteps = 2_000;

export function precisionOf(read: ReadRecipe): Settings["precision"] {
  const clause = read.one(clauses.precision);
  const said = clause?.argument;
  if (clause === undefined || said === undefined) return { value: "f32", span: read.recipe.name.span };
  const { compute, store, loss_scale: scale, doubling } = clause.options;
  if (said.value === "f32") {
    const [option] = clause.clause.body ?? [];
    if (option !== undefined) {
      const edits = [{ span: said.span, text: "mixed", label: "write 'mixed'" }];
      read.report(
        problem("FTL0312", option.span, "'precision f32' has no options", "belongs to precision mixed", {
          edits,
        }),
      );
    }
    return { value: "f32", span: said.span };
  }
  const type = compute?.value ?? "f16";
  // Methods have no gradients that could vanish.
  const isEstimated = read.one(clauses.method) !== undefined;
  const lossScale = scale?.value ?? (type === "f16" && !isEstimated ? "dynamic" : "none");
  if (doubling !== undefined && lossScale !== "dynamic") {
    const message = "only a dynamic loss scale is doubled";
    const related = scale === undefined ? [] : [{ span: scale.span, label: "never changes" }];
    read.report(problem("FTL0312", doubling.span, message, "has no effect", { related }));
  }
  const value = {
    compute: type,
    store: store?.value ?? type,
    lossScale: lossScale === "dynamic" ? { doubling: doubling?.value ?? cleanSteps } : lossScale,
  };
  return { value, span: clause.clause.span };
}

export function checkpointOf(read: ReadRecipe): Pick<Settings, "checkpoint" | "keep"> {
  const clause = read.one(clauses.checkpoint);
  const checkpoint = clause?.argument ?? { value: "none" as const, span: read.recipe.name.span };
  const keep = clause?.options.keep;
  if (keep !== undefined && checkpoint.value === "none") {
    const related = [{ span: checkpoint.span, label: "computes nothing again" }];
    read.report(
      problem("FTL0312", keep.span, "'checkpoint none' keeps everything", "has no effect", { related }),
    );
  }
  return { checkpoint, keep: keep?.value ?? [] };
}

export function devicesOf(read: ReadRecipe): Said<DevicesSettings> | undefined {
  const clause = read.one(clauses.devices);
  const total = clause?.argument;
  if (clause === undefined || total === undefined) return undefined;
  const pipeline = clause.options.pipeline?.value ?? 1;
  const data = clause.options.data?.value ?? Math.max(1, Math.floor(total.value / pipeline));
  if (data * pipeline !== total.value) {
    const message = `${data} parts of the batch times ${pipeline} of the model are not ${total.value} devices`;
    read.report(problem("FTL0308", total.span, message, `make this ${data * pipeline}`));
  }
  return { value: { count: total.value, data, pipeline }, span: clause.clause.span };
}
