// One elaborated recipe under many policies of checkpointing: each can be measured, and planned. What no policy changes is worked on
// once. Comes in: the elaborated module and what the stages are told. Holds: a measure is what the plan has before offsets.
import type { Elaborated } from "./elaborate/elaborate.ts";
import type { Module, Program } from "./ir/graph.ts";
import { identityOf } from "./ir/structure.ts";
import { chooseKernel, inPlaceCandidates } from "./kernels/choose.ts";
import { kernelGradients } from "./kernels/library.ts";
import type { Settings } from "./language/settings.ts";
import { keepAll, type Checkpointing } from "./passes/checkpoint.ts";
import { ladderOf, type Rung } from "./passes/checkpoint-ladder.ts";
import { noAnalyses, type Analyses } from "./passes/fuse-units.ts";
import { schedule } from "./plan/build.ts";
import { chooser, type Chooser } from "./plan/choice.ts";
import type { Obstacle } from "./plan/layout.ts";
import { measured, together, type Measured } from "./plan/measure.ts";
import type { DeviceProfile } from "./plan/plan.ts";
import { completed, layersOf } from "./checkpointing.ts";
import { runStages, stages, type Choices } from "./stages.ts";

export interface Candidates {
  readonly elaborated: Elaborated;
  /** Layers that a micro-batch runs through. */
  readonly layers: number;
  readonly chosen: Chooser;
  /** The module as each stage leaves it, by the stage's name. */
  modules(policy: Checkpointing): ReadonlyMap<string, Module>;
  measure(policy: Checkpointing): Measured | { readonly obstacles: readonly Obstacle[] };
  /** What lies between no recomputation and all of it. */
  ladder(): readonly Rung[];
}

/** Where all kernels come from. */
export const kernels = { choose: chooseKernel, inPlaceCandidates };

/** What has been found out about kernels for a profile. The same for all recipes, so whoever plans several may keep it. */
export interface Knowledge {
  readonly profile: DeviceProfile;
  readonly analyses: Analyses;
  readonly chosen: Chooser;
}

export function knowledgeOf(profile: DeviceProfile): Knowledge {
  return { profile, analyses: noAnalyses(), chosen: chooser(kernels, profile) };
}

/** Programs that no policy changes as each stage left them, by all that can be told of them: other sizes of micro-batch share most. */
export type Settled = Map<string, ReadonlyMap<string, Program>>;

function keyOfProgram({ name, parts = 0, reads, writes, region }: Program, analyses: Analyses): string {
  return `${JSON.stringify([name, parts, reads, writes])} ${identityOf(region, analyses.origin)}`;
}

export function candidatesOf(
  elaborated: Elaborated,
  settings: Settings,
  { profile, analyses, chosen }: Knowledge,
  settledBefore: Settled = new Map(),
): Candidates {
  const { trained, along, step, duringBackward, lossScale, module } = elaborated;
  const precision = settings.precision.value === "f32" ? undefined : settings.precision.value;
  const choices = (policy: Checkpointing): Choices => ({
    trained,
    along,
    step,
    duringBackward,
    lossScale,
    checkpoint: completed(policy, elaborated, profile),
    kernelGradients,
    precision,
    profile,
    analyses,
  });
  const changing = new Set(duringBackward ? ["micro", "update"] : ["micro"]);
  const part = (changes: boolean): Module => ({
    ...module,
    programs: module.programs.filter(({ name }) => changing.has(name) === changes),
  });

  const settled = once(() => {
    const given = part(false);
    const keys = new Map(given.programs.map((program) => [program.name, keyOfProgram(program, analyses)]));
    const programs = given.programs.filter(({ name }) => !settledBefore.has(keys.get(name) ?? ""));
    const done = runStages({ ...given, programs }, { ...choices(keepAll), duringBackward: false });
    for (const { name } of programs) {
      const after = [...done].flatMap(([stage, { programs: all }]) =>
        all.flatMap((program) => (program.name === name ? [[stage, program] as const] : [])),
      );
      settledBefore.set(keys.get(name) ?? "", new Map(after));
    }
    return new Map(
      [...done].map(([stage, after]) => {
        const all = given.programs.flatMap(
          ({ name }) => settledBefore.get(keys.get(name) ?? "")?.get(stage) ?? [],
        );
        return [stage, { ...after, programs: all }];
      }),
    );
  });
  // What comes before the first stage that asks for the policy.
  const untouching = stages.findIndex(({ name }) => name === "segment");
  const untouched = once(() => {
    const done = runStages(part(true), choices(keepAll), stages.slice(0, untouching));
    return [done, [...done.values()].at(-1) ?? part(true)] as const;
  });
  const known = new Map<string, ReadonlyMap<string, Module>>();
  const changed = (policy: Checkpointing): ReadonlyMap<string, Module> => {
    const key = policy.shares.map(({ layers, every, price }) => [layers, every, price].join()).join(" ");
    const before = known.get(key);
    if (before !== undefined) return before;
    const [first, last] = untouched();
    const made = new Map([...first, ...runStages(last, choices(policy), stages.slice(untouching))]);
    known.set(key, made);
    return made;
  };
  const measureLast = (stage: ReadonlyMap<string, Module>): ReturnType<Candidates["measure"]> => {
    const last = stage.get("fuse");
    if (last === undefined) throw new Error("there is a stage 'fuse'");
    const scheduled = schedule({ module: last, profile, kernels, chosen });
    return "obstacles" in scheduled ? scheduled : measured(scheduled, last, profile);
  };
  const rest = once(() => measureLast(settled()));
  const order = module.programs.map(({ name }) => name);
  return {
    elaborated,
    layers: layersOf(module),
    chosen,
    modules: (policy) => {
      const own = changed(policy);
      return new Map(
        stages.map(({ name }) => {
          const [mine, others] = [own.get(name) ?? module, settled().get(name) ?? module];
          const programs = [...mine.programs, ...others.programs];
          const sorted = programs.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
          return [name, { ...mine, programs: sorted }];
        }),
      );
    },
    measure: (policy) => {
      const [own, others] = [measureLast(changed(policy)), rest()];
      if ("obstacles" in own) return own;
      return "obstacles" in others ? others : together(own, others);
    },
    ladder: once(() => {
      const micro = changed(keepAll)
        .get("join")
        ?.programs.find(({ name }) => name === "micro");
      return micro === undefined ? [] : ladderOf(micro.region, completed(keepAll, elaborated, profile));
    }),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
