// The middle of the pipeline: from the elaborated module to one whose programs are ready to become kernels. Each line is one pure
// stage, with why it stands where it stands; every stage's result can be printed and read back (`--emit NAME`).
import type { Direction } from "./elaborate/method.ts";
import type { Trained } from "./elaborate/step.ts";
import type { Module, Program, Region, StepRun, Value } from "./ir/graph.ts";
import { narrowKernels } from "./kernels/library.ts";
import { accumulate } from "./passes/accumulate.ts";
import { batch } from "./passes/batch.ts";
import { checkpoint, type Checkpointing } from "./passes/checkpoint.ts";
import { segment } from "./passes/checkpoint-segment.ts";
import type { KernelGradients } from "./passes/differentiate-context.ts";
import { fuse } from "./passes/fuse.ts";
import { noAnalyses, type Analyses } from "./passes/fuse-units.ts";
import { joinLoops } from "./passes/loops.ts";
import { absorb } from "./passes/loops-absorb.ts";
import { precise, type Precision } from "./passes/precision.ts";
import { simplify } from "./passes/simplify.ts";
import { unite } from "./passes/unite.ts";
import type { DeviceProfile } from "./plan/plan.ts";

/** What the stages are told beside the module. */
export interface Choices {
  readonly trained: readonly Trained[];
  readonly along: readonly Direction[];
  readonly step: readonly StepRun[];
  /** The update is made while the gradients are: the programs "micro" and "update" become one. */
  readonly duringBackward?: boolean;
  readonly checkpoint: Checkpointing;
  readonly kernelGradients: KernelGradients;
  /** What the loss is multiplied by before backpropagation: a number, or the variable that holds it. */
  readonly lossScale?: number | string | undefined;
  /** The types of products and activations; f32 if unsaid. */
  readonly precision?: Precision | undefined;
  readonly profile: DeviceProfile;
  /** What fusion has found out about kernels for this profile; gains what it finds out. */
  readonly analyses?: Analyses;
}

export interface Stage {
  readonly name: string;
  readonly why: string;
  run(module: Module, choices: Choices): Module;
}

export const stages: readonly Stage[] = [
  {
    name: "canonicalize",
    why: "equal values become one before anything is built on them twice",
    run: (module) => everywhere(module, (region) => simplify(region)),
  },
  {
    name: "segment",
    why: "checkpointed blocks become a loop over segments, so that differentiation sees the segments",
    run: (module, { checkpoint: policy, duringBackward }) => {
      const { shares } = policy;
      const forward = inMicro(module, (region) => segment(region, shares));
      // Updates that are to go into the loops over segments are cut alike.
      return duringBackward === true
        ? changed(forward, "update", (program) => ({
            ...program,
            region: segment(program.region, shares, { independent: true }),
          }))
        : forward;
    },
  },
  {
    name: "precision",
    why: "activations get their 16-bit types while gradients still follow from them, and before bytes are counted",
    run: (module, { precision }) => (precision === undefined ? module : mixed(module, precision)),
  },
  {
    name: "differentiate",
    why: "the forward step gains the gradients of what trains and nothing else, added to those of earlier micro-batches",
    run: (module, { trained, along, kernelGradients, lossScale: scale }) => {
      const request = { loss: "loss", slope: "slope", trained, along, kernelGradients, scale };
      const done = changed(module, "micro", (program) => accumulate(program, request));
      const directions = new Set(along.map(({ direction }) => direction));
      return { ...done, variables: done.variables.filter(({ name }) => !directions.has(name)) };
    },
  },
  {
    name: "unite",
    why: "an update made during the backward pass belongs to its program before anything is done to its loops",
    run: (module, { trained, duringBackward }) => {
      if (duringBackward !== true) return module;
      const gradients = new Set(trained.map(({ gradient }) => gradient));
      return unite(module, { first: "micro", second: "update", gradients });
    },
  },
  {
    name: "simplify",
    why: "what differentiation made is folded before anyone counts what is worth saving",
    run: (module) => everywhere(module, (region) => simplify(region, { differentiated: true })),
  },
  {
    name: "join",
    why: "the forward and backward loops over the loss's chunks become one, so that no logits are stored between them",
    run: (module) => inMicro(module, joinLoops),
  },
  {
    name: "checkpoint",
    why: "of what the backward pass needs, the policy saves some and leaves the rest to be computed again",
    run: (module, { checkpoint: policy }) => inMicro(module, (region) => checkpoint(region, policy)),
  },
  {
    name: "absorb",
    why: "gradients are added to their sums inside the loops that make them, so that no second stack of them exists",
    run: (module) => inMicro(module, absorb),
  },
  {
    name: "rejoin",
    why: "loops that stand in the model beside each other after checkpointing are joined too, once they are simple again",
    run: (module) => inMicro(module, (region) => joinLoops(simplify(region, { differentiated: true }))),
  },
  {
    name: "batch",
    why: "an update is written for one layer's parameter; where all layers' fit, one kernel changes them together",
    run: (module, { profile, step }) =>
      step.reduce(
        (done, { program, each }) =>
          each === "step"
            ? changed(done, program, (own) => ({
                ...own,
                region: batch(own.region, profile, broughtTo(own, module)),
              }))
            : done,
        module,
      ),
  },
  {
    name: "tidy",
    why: "the last chance to share and fold before values become kernels",
    run: (module) => everywhere(module, (region) => simplify(region, { differentiated: true })),
  },
  {
    name: "fuse",
    why: "values become kernels: what is computed together is read and written once",
    // A result that is left in a variable the program has read takes that one's place, so one kernel may read and write it.
    run: (module, { profile, analyses = noAnalyses() }) => {
      const done = new Map<string, Region>();
      const shared = new Map<Region, number>();
      for (const { region } of module.programs) if (!shared.has(region)) shared.set(region, shared.size);
      return {
        ...module,
        programs: module.programs.map((program) => {
          const previous = program.writes.map((name) => program.reads.indexOf(name));
          const key = `${shared.get(program.region) ?? ""}: ${previous.join()}`;
          const region = done.get(key) ?? fuse(program.region, profile, { previous, analyses });
          done.set(key, region);
          return { ...program, region };
        }),
      };
    },
  },
];

/** The module after each of these stages. */
export function runStages(
  module: Module,
  choices: Choices,
  through: readonly Stage[] = stages,
): ReadonlyMap<string, Module> {
  const done = new Map<string, Module>();
  let last = module;
  for (const { name, run } of through) {
    last = run(last, choices);
    done.set(name, last);
  }
  return done;
}

/** Programs that share a region go on sharing one. */
function everywhere(module: Module, change: (region: Region) => Region): Module {
  const done = new Map<Region, Region>();
  return {
    ...module,
    programs: module.programs.map((program) => {
      const region = done.get(program.region) ?? change(program.region);
      done.set(program.region, region);
      return { ...program, region };
    }),
  };
}

/** The parameters of a program whose variables live in the host's memory. */
function broughtTo({ reads, region }: Program, { variables }: Module): ReadonlySet<Value> {
  const away = new Set(variables.filter(({ home }) => home === "host").map(({ name }) => name));
  return new Set(region.parameters.filter((_, index) => away.has(reads[index] ?? "")));
}

function inMicro(module: Module, change: (region: Region) => Region): Module {
  return changed(module, "micro", (program) => ({ ...program, region: change(program.region) }));
}

function changed(module: Module, name: string, change: (program: Program) => Program): Module {
  return {
    ...module,
    programs: module.programs.map((program) => (program.name === name ? change(program) : program)),
  };
}

/** The programs that take what a micro-batch brings in mixed precision; updates and first values stay in f32. */
function mixed(module: Module, precision: Precision): Module {
  const brought = module.variables.filter(({ kind, type, initial }) => {
    return kind === "io" && type === "i32" && initial.from === "host";
  });
  const batch = new Set(brought.map(({ name }) => name));
  // Scalars of the step, such as a drawn rank, are the same for all that a step sees: weights cut by them are weights.
  const same = module.variables.filter(({ kind, name }) => kind !== "io" || name === "scalars");
  const weights = new Set(same.map(({ name }) => name));
  return {
    ...module,
    programs: module.programs.map((program) =>
      program.reads.some((name) => batch.has(name))
        ? precise(program, weights, precision, narrowKernels)
        : program,
    ),
  };
}
