// From a checked recipe and a model's config to the module: the forward step, the update, the evaluation, the first values.
// The module is not differentiated yet; `trained` says which variables want gradients and where those are kept.
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import type { Definition } from "../../grammar/syntax.ts";
import { distinct } from "../diagnostics/distinct.ts";
import type { Module, ScalarExpression } from "../ir/graph.ts";
import { usual, type Purpose } from "../language/purposes.ts";
import type { Constant, HeldAs, Settings } from "../language/settings.ts";
import type { DrawnRank, Learning } from "../plan/plan.ts";
import { addsPositions, positionsInFront, type AdapterUse } from "./adapters.ts";
import { callDefinition } from "./functions.ts";
import { constantMeaning, type Declared, type Meaning, type Passed, type RecordMeaning } from "./meaning.ts";
import { conflicts } from "./during.ts";
import { encodePrograms, noEncoding } from "./encode-programs.ts";
import {
  adapterFacts,
  countParameters,
  modelFacts,
  type AdapterFacts,
  type Parameters,
  type Saved,
} from "./facts.ts";
import { formatUse, type FormatUse } from "./formats.ts";
import { unmatched } from "./groups.ts";
import type { Job } from "./job.ts";
import { generatePrograms, type Generating } from "./generate-programs.ts";
import { scaledWithoutGradient } from "./loss-scale.ts";
import { initializeProgram } from "./initialize-program.ts";
import { evaluateProgram, logitsProgram } from "./loss-programs.ts";
import { mergePrograms, noMerging, type AdaptedPart, type Merge } from "./merging.ts";
import { buildModel, type ModelChoice } from "./model.ts";
import { matcher } from "./patterns.ts";
import { ranksOutside } from "./ranks.ts";
import { gather, isDrawn, type Beginnings } from "./programs.ts";
import { rateOf } from "./schedule.ts";
import { trainsBy, unmatchedTrain } from "./selection.ts";
import { sparing } from "./spared.ts";
import { trainingStep, withoutStep, type TrainingStep } from "./step.ts";
import { buildTask, chooseTask, learningOf, modulesToSave } from "./task.ts";
import { fail, guarded, type Library, type Workspace } from "./workspace.ts";
import { problem } from "../../grammar/diagnostic.ts";

export interface ElaborationInput {
  readonly settings: Settings;
  readonly library: Library;
  readonly architecture: Definition;
  readonly config: RecordMeaning;
  readonly task: Definition;
  readonly optimizer: Definition;
  readonly method?: Definition | undefined;
  readonly schedule: Definition;
  readonly adapters: readonly Definition[];
  /** Where the recipe names formats. */
  readonly formats: { readonly weights: Definition | undefined; readonly state: Definition | undefined };
  /** Rows of a micro-batch. */
  readonly rows: number;
  /** What programs are wanted; training and evaluating where unsaid. */
  readonly purposes?: readonly Purpose[];
}

export interface Elaborated extends Omit<TrainingStep, "programs"> {
  readonly module: Module;
  readonly adapters: readonly AdapterFacts[];
  /** The model's own tensors that train; all of them where the model begins at random. */
  readonly model: readonly Saved[];
  readonly parameters: Parameters;
  /** The learning rate of a step. */
  readonly rate: ScalarExpression;
  /** Words that the model knows; ids lie below. */
  readonly vocabulary: number;
  /** What the host brings to be learned. */
  readonly learns: Learning;
  /** The ranks that the host draws. */
  readonly ranks: readonly DrawnRank[];
  /** How words are to be given to the programs that write a text, where there are such. */
  readonly generating: Pick<Generating, "piece" | "inFront"> | undefined;
  /** How each adapted part's weights take its adapters in. */
  readonly merges: readonly Merge[];
  /** Positions of a row, and how many every document in it leaves free for adapters to fill. */
  readonly tokens: number;
  readonly room: number;
  /** By the path of what is computed: whether checkpointing is to keep it. */
  readonly keeps: (path: string) => boolean;
}

export interface Elaboration {
  readonly elaborated: Elaborated | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export function elaborate(input: ElaborationInput): Elaboration {
  const { settings, library } = input;
  const ws: Workspace = {
    diagnostics: [],
    library,
    callDefinition,
    length: settings.data.length,
    scalars: [],
    frame: { reads: new Map() },
    origin: { source: undefined, recipe: settings.model.path.span, path: "" },
  };
  const elaborated = guarded(ws, undefined, () => build(ws, input));
  const diagnostics = distinct(ws.diagnostics);
  return {
    elaborated: diagnostics.some(({ severity }) => severity === "error") ? undefined : elaborated,
    diagnostics,
  };
}

function build(ws: Workspace, input: ElaborationInput): Elaborated {
  const { settings } = input;
  const wanted = new Set(input.purposes ?? usual);
  const isPacked = readsRows(wanted) && mayShareRows(settings);
  const fronts: number[] = [];
  const adapters = settings.adapters.flatMap((use, index): AdapterUse[] => {
    const definition = input.adapters[index];
    if (definition === undefined) return [];
    const options = passedOptions(use.options);
    const front = positionsInFront(ws, { definition, options, settings: use });
    fronts.push(front);
    return [
      {
        definition,
        settings: use,
        options,
        room: isPacked && addsPositions({ definition }) ? front : 0,
        groups: use.groups.map(({ patterns, options }) => ({ patterns, options: passedOptions(options) })),
        estimates: estimatesBy(settings),
        answered: new Set(),
        parts: [],
        shared: new Map(),
        draws: new Map(),
        fields: new Map(),
      },
    ];
  });
  const inFront = adapters.map((use, index) => ({ use, count: fronts[index] ?? 0 }));
  const front = fronts.reduce((sum, each) => sum + each, 0);
  const room = roomOf(adapters, front, wanted);
  ws.length = { ...ws.length, value: ws.length.value + front };
  const chosen = chooseTask(ws, input.task, passedOptions(settings.head.options), settings.head.span);
  const isAdded = matcher(modulesToSave(chosen));
  const selected = trainsBy(settings.model.train);
  const adapted: AdaptedPart[] = [];
  const spared = sparing(settings.keep);
  const format = formatOf(settings.model.weights?.value, input.formats.weights);
  const choice: ModelChoice = {
    // What is merged is computed from all digits of the file.
    frozen: wanted.has("merge") ? "f32" : frozenType(settings, input.config),
    format: wanted.has("merge") ? undefined : format,
    trains: (name) => selected(name) || (adapters.length > 0 && isAdded(name)),
    estimates: estimatesBy(settings),
    isAdded,
    adapters,
    adapted,
    spared,
    task: chosen.record,
  };
  const model = buildModel(ws, input.architecture, input.config, choice);
  const task = buildTask(ws, chosen, model, choice);
  for (const use of adapters) reportUnanswered(ws, use);
  ws.diagnostics.push(...spared.unanswered());
  const ranks = adapters.flatMap(({ draws }) => [...draws.values()]);
  ws.diagnostics.push(...ranksOutside(settings.evaluation?.ranks ?? [], ranks));

  const job: Job = {
    rows: input.rows,
    tokens: settings.data.length.value + room,
    rowsSpan: settings.batch.span,
    tokensSpan: settings.data.length.span,
    front: front - room,
    room,
    optimizer: input.optimizer,
    optimizerOptions: passedOptions(settings.optimizer.options),
    optimizerSpan: settings.optimizer.name.span,
    groups: settings.groups.map(({ patterns, options }) => ({ patterns, options: passedOptions(options) })),
    schedule: input.schedule,
    scheduleOptions: passedOptions(settings.schedule.options),
    clip: settings.clip?.value,
    state: stateOf(settings, input.formats.state),
    lossScale: lossScaleOf(settings),
    method: methodOf(input),
    span: settings.span,
  };
  const beginnings: Beginnings = { randomWeights: settings.model.init !== undefined };
  const evaluation = evaluateProgram(ws, task, job);
  const vocabulary = model.fields.get("vocabulary");
  const weights = unique(evaluation.declared);
  const trainable = weights.filter((declared) => declared.trainable);
  ws.diagnostics.push(...unmatchedTrain(settings.model.train, weights));
  if (wanted.has("train")) {
    ws.diagnostics.push(
      ...unmatched(trainable, job.groups),
      ...conflicts(settings, input.optimizer),
      ...scaledWithoutGradient(settings),
    );
  }
  const { programs: ofStep, ...step } = wanted.has("train")
    ? trainingStep(ws, task, trainable, job)
    : withoutStep;
  const asRows = inFront.filter(({ use }) => use.definition.on.some(({ text }) => text === "model"));
  const rowsInFront = asRows.reduce((sum, { count }) => sum + count, 0);
  const generating = wanted.has("generate") ? generatePrograms(ws, task, job, rowsInFront) : undefined;
  const merging = wanted.has("merge") ? mergePrograms(ws, adapted, format, settings.span) : noMerging;
  const running = [
    ...ofStep,
    ...(wanted.has("evaluate") ? [evaluation] : []),
    ...(wanted.has("score") ? [logitsProgram(ws, task, job)] : []),
    ...(generating?.programs ?? []),
    ...merging.programs,
  ];
  const declared = unique(running.flatMap((each) => each.declared));
  const drawn = declared.filter((each) => isDrawn(each, beginnings));
  const initialize = initializeProgram(ws, drawn, declared, settings.span);
  const encoding = beginnings.randomWeights ? noEncoding : encodePrograms(ws, declared, settings.span);
  const programs = [...running, ...encoding.programs, ...(drawn.length > 0 ? [initialize] : [])];
  const module: Module = {
    name: settings.name,
    variables: gather(
      [...declared, ...initialize.declared, ...encoding.programs.flatMap((each) => each.declared)],
      beginnings,
      settings,
    ),
    ...(encoding.held.length === 0 ? {} : { held: encoding.held }),
    scalars: ws.scalars,
    programs: programs.map(({ program }) => program),
  };
  return {
    module,
    ...step,
    adapters: adapters.map((use) => adapterFacts(use, trainable, chosen, isAdded)),
    model: modelFacts(weights, adapters.length > 0 ? isAdded : () => false, beginnings),
    parameters: countParameters(weights),
    rate: rateOf(ws, job),
    vocabulary: vocabulary?.kind === "number" ? vocabulary.value : 0,
    learns: learningOf(task),
    ranks,
    generating: generating && { piece: generating.piece, inFront: generating.inFront },
    merges: merging.merges,
    tokens: job.tokens,
    room,
    keeps: spared.keeps,
  };
}

function lossScaleOf({ precision }: Settings): Job["lossScale"] {
  if (precision.value === "f32" || precision.value.lossScale === "none") return undefined;
  return precision.value.lossScale;
}

/** Whether the plan is for rows of the recipe's data; a text that is generated is one document by itself. */
function readsRows(wanted: ReadonlySet<Purpose>): boolean {
  return wanted.has("train") || wanted.has("evaluate") || wanted.has("score");
}

/** Whether a row may hold several documents. */
function mayShareRows({ data, evaluation }: Settings): boolean {
  return data.pack || evaluation?.pack === true;
}

/** Room is numbered by the positions of a document, so one adapter has all that is in front. */
function roomOf(adapters: readonly AdapterUse[], front: number, wanted: ReadonlySet<Purpose>): number {
  const [first, second] = adapters.filter(({ room }) => room > 0);
  if (first !== undefined && wanted.has("generate")) {
    const message = `adapter '${first.definition.name.text}' stands in front of each document of a row, or in front of a text`;
    fail("FTL0748", first.settings.span, message, "write pack: false, or plan for one of them");
  }
  if (first === undefined || (second === undefined && first.room === front)) return first?.room ?? 0;
  const message =
    "several adapters put positions in front of a row, which rows of several documents cannot have";
  return fail("FTL0748", (second ?? first).settings.span, message, "write pack: false");
}

function methodOf({ settings, method }: ElaborationInput): Job["method"] {
  if (settings.method === undefined || method === undefined) return undefined;
  const { options, span } = settings.method;
  return { definition: method, options: passedOptions(options), span };
}

/** Which trained tensors, by name, have their gradients estimated by a method. */
function estimatesBy({ method }: Settings): (name: string) => boolean {
  if (method === undefined) return () => false;
  const exact = matcher(method.firstOrder.map(({ value }) => value));
  return (name) => !exact(name);
}

function unique(declared: readonly Declared[]): readonly Declared[] {
  return [...new Map(declared.map((each) => [each.name, each])).values()];
}

function reportUnanswered(ws: Workspace, use: AdapterUse): void {
  for (const { value, span } of use.settings.on) {
    if (use.answered.has(value)) continue;
    ws.diagnostics.push(
      problem("FTL0723", span, `no part of this model answers to '${value}'`, "adapts nothing"),
    );
  }
  for (const { value, span } of use.groups.flatMap(({ patterns }) => patterns)) {
    if (use.parts.some(matcher([value]))) continue;
    const message = `no part that '${use.settings.alias}' adapts has a name like '${value}'`;
    ws.diagnostics.push(problem("FTL0723", span, message, "its options hold nowhere"));
  }
}

function formatOf(
  said: HeldAs<string> | undefined,
  definition: Definition | undefined,
): FormatUse | undefined {
  if (said?.kind !== "format" || definition === undefined) return undefined;
  return formatUse(definition, passedOptions(said.format.options), said.format.span);
}

function stateOf({ state }: Settings, definition: Definition | undefined): Job["state"] {
  const format = formatOf(state.value, definition);
  if (format !== undefined) return { format };
  return { type: state.value.kind === "type" ? state.value.type : "f32" };
}

/** Storage of frozen weights: what the recipe says, else the config, else f32. */
function frozenType(settings: Settings, config: RecordMeaning): "f32" | "f16" | "bf16" {
  const said = settings.model.weights?.value;
  if (said?.kind === "type") return said.type;
  const dtype = config.fields.get("dtype") ?? config.fields.get("torch_dtype");
  if (dtype?.kind !== "string") return "f32";
  return dtype.value === "bfloat16" ? "bf16" : dtype.value === "float16" ? "f16" : "f32";
}

/** The value with the place in the recipe that says it, for those who refuse it. */
function saidBy(meaning: Meaning, said: Passed["span"]): Meaning {
  return meaning.kind === "number" ||
    meaning.kind === "string" ||
    meaning.kind === "boolean" ||
    meaning.kind === "list"
    ? { ...meaning, said }
    : meaning;
}

function passedOptions(
  options: ReadonlyMap<string, { readonly value: Constant; readonly span: Passed["span"] }>,
): readonly Passed[] {
  return [...options].map(([name, { value, span }]) => ({
    name,
    meaning: saidBy(constantMeaning(value), span),
    span,
  }));
}
