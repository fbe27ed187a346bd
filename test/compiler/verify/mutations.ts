// Ways to corrupt a correct plan, each with the rule that must refuse it. A mutation changes a draft in place and says whether it
// could; hashes are made anew afterwards unless the mutation is about hashes.
import type { Draft, Random } from "./draft.ts";
import { relive, retotal } from "./draft.ts";
import { transferMutations } from "./mutations-transfer.ts";

export interface Mutation {
  readonly name: string;
  /** The rule that must be among those that refuse. */
  readonly rule: string;
  /** Whether hashes stay as they were. */
  readonly keepsHash?: "all" | "kernels";
  /** Whether it is about plans with variables in the host's memory. */
  readonly isAway?: boolean;
  apply(draft: Draft, random: Random): boolean;
}

type Tensor = Draft["tensors"][number];
type Dispatch = Draft["programs"][number]["dispatches"][number];
type Kernel = Draft["kernels"][number];

const make = (
  rule: string,
  name: string,
  apply: Mutation["apply"],
  keepsHash?: Mutation["keepsHash"],
): Mutation => (keepsHash === undefined ? { rule, name, apply } : { rule, name, apply, keepsHash });

/** Applies a change to one thing of a list, if there is one; `false` says that it could not be made. */
const one = <T>(list: readonly T[], random: Random, change: (item: T) => unknown): boolean => {
  const item = random.pick(list);
  return item !== undefined && change(item) !== false;
};

const transients = ({ tensors }: Draft): Tensor[] =>
  tensors.filter(({ lifetime, aliasOf }) => lifetime !== undefined && aliasOf === undefined);
const persistents = ({ tensors }: Draft): Tensor[] =>
  tensors.filter(({ lifetime, aliasOf }) => lifetime === undefined && aliasOf === undefined);
const aliases = ({ tensors }: Draft): Tensor[] => tensors.filter(({ aliasOf }) => aliasOf !== undefined);
const dispatches = ({ programs }: Draft): Dispatch[] => programs.flatMap(({ dispatches }) => dispatches);
const kernelOf = ({ kernels }: Draft, { kernel }: Dispatch): Kernel | undefined => kernels[kernel];

/** Pairs of owners that are live at once, in one buffer. */
function together(draft: Draft): [Tensor, Tensor][] {
  const list = transients(draft);
  return list.flatMap((a, at) =>
    list.slice(at + 1).flatMap((b): [Tensor, Tensor][] => {
      const [x, y] = [a.lifetime, b.lifetime];
      if (x === undefined || y === undefined || x.program !== y.program || a.buffer !== b.buffer) return [];
      return x.first <= y.last && y.first <= x.last ? [[a, b]] : [];
    }),
  );
}

const moveWithAliases = (draft: Draft, tensor: Tensor, offset: number): void => {
  const index = draft.tensors.indexOf(tensor);
  for (const alias of draft.tensors) if (alias.aliasOf === index) alias.offset += offset - tensor.offset;
  tensor.offset = offset;
};

const edit =
  (from: RegExp | string, to: string): Mutation["apply"] =>
  (draft, random) =>
    one(
      draft.kernels.filter(({ wgsl }) => (typeof from === "string" ? wgsl.includes(from) : from.test(wgsl))),
      random,
      (kernel) => {
        kernel.wgsl = kernel.wgsl.replace(from, to);
      },
    );

const forms: Mutation[] = [
  make("form", "another format", (draft) => ((draft as { format: number }).format = 2) > 0),
  make("form", "a kernel that is not there", (draft, random) =>
    one(dispatches(draft), random, (of) => (of.kernel = draft.kernels.length)),
  ),
  make("form", "a tensor that is not there", (draft, random) =>
    one(
      dispatches(draft),
      random,
      (of) => (of.tensors[random.below(of.tensors.length)] = draft.tensors.length),
    ),
  ),
  make("form", "a step's program that is not there", (draft, random) =>
    one(draft.step, random, (run) => (run.program += "?")),
  ),
  make("form", "a tensor from a span that is not there", (draft, random) =>
    one(draft.tensors, random, (of) => (of.span = draft.spans.length)),
  ),
  make("form", "a dispatch from a span that is not there", (draft, random) =>
    one(dispatches(draft), random, (of) => (of.span = draft.spans.length)),
  ),
  make("form", "a buffer that is not there", (draft, random) =>
    one(draft.tensors, random, (of) => (of.buffer = draft.buffers.length)),
  ),
  make("form", "a part that is not there", (draft, random) =>
    one(draft.variables, random, (of) => (of.parts[0] = -1)),
  ),
  make("form", "one binding too few", (draft, random) =>
    one(dispatches(draft), random, (of) => of.tensors.pop()),
  ),
  make("form", "one binding too many", (draft, random) =>
    one(dispatches(draft), random, (of) => of.tensors.push(0)),
  ),
  make("form", "half a byte", (draft, random) => one(draft.tensors, random, (of) => (of.offset += 0.5))),
  make("form", "a negative offset", (draft, random) =>
    one(draft.tensors, random, (of) => (of.offset = -256)),
  ),
  make("form", "a size that is no number", (draft, random) =>
    one(draft.tensors, random, (of) => (of.size = Number.NaN)),
  ),
  make("form", "two tensors of one name", (draft) => {
    const [first, second] = draft.tensors;
    if (first === undefined || second === undefined) return false;
    second.name = first.name;
    return true;
  }),
  make("form", "an alias of an alias", (draft, random) =>
    one(aliases(draft), random, (alias) => {
      const other = aliases(draft).find((of) => of !== alias);
      if (other === undefined) return false;
      alias.aliasOf = draft.tensors.indexOf(other);
      return true;
    }),
  ),
  make("form", "a life beyond the program", (draft, random) =>
    one(transients(draft), random, ({ lifetime }) => lifetime !== undefined && (lifetime.last = 1_000_000)),
  ),
  make("form", "a life in another world", (draft, random) =>
    one(
      transients(draft),
      random,
      ({ lifetime }) => lifetime !== undefined && (lifetime.program = "nowhere"),
    ),
  ),
  make("form", "a type that is none", (draft, random) =>
    one(draft.tensors, random, (of) => void ((of as { type: string }).type = "f8")),
  ),
  make("form", "a kind that is none", (draft, random) =>
    one(draft.tensors, random, (of) => void ((of as { kind: string }).kind = "spare")),
  ),
  make("form", "a variable of a type that is none", (draft, random) =>
    one(draft.variables, random, (of) => void ((of as { type: string }).type = "toString")),
  ),
  make("form", "an access that is none", (draft, random) =>
    one(draft.kernels, random, (of) =>
      one(of.bindings, random, (bound) => void ((bound as { access: string }).access = "write")),
    ),
  ),
  make("form", "a limit that is no number", (draft, random) =>
    one(limitNames(draft), random, (name) => void (draft.device.limits[name] = Number.NaN)),
  ),
  make("form", "a limit that is missing", (draft, random) =>
    one(
      limitNames(draft),
      random,
      (name) => delete (draft.device.limits as Partial<typeof draft.device.limits>)[name],
    ),
  ),
  make("form", "a device that aligns nothing", (draft) => {
    draft.device.limits.minStorageBufferOffsetAlignment = 1;
    return true;
  }),
  make("form", "a budget that is no number", (draft) => Number.isNaN((draft.budget = Number.NaN))),
  make("form", "a run for each nothing", (draft, random) =>
    one(draft.step, random, (run) => void ((run as { each: string }).each = "row")),
  ),
  make("form", "rows that are none", (draft) => (draft.job.rows = 0) === 0),
];

function limitNames({ device }: Draft): (keyof Draft["device"]["limits"])[] {
  return Object.keys(device.limits) as (keyof Draft["device"]["limits"])[];
}

const memory: Mutation[] = [
  make("sizes", "an empty tensor", (draft, random) =>
    one(draft.tensors, random, (of) => (of.size = 0) === 0),
  ),
  make("sizes", "an empty shape", (draft, random) => one(draft.tensors, random, (of) => of.shape.push(0))),
  make("sizes", "an empty buffer", (draft, random) =>
    one(draft.buffers, random, (of) => (of.size = 0) === 0),
  ),
  make("sizes", "no workgroups", (draft, random) =>
    one(dispatches(draft), random, (of) => {
      const kernel = kernelOf(draft, of);
      if (kernel === undefined) return false;
      kernel.workgroups[1] = 0;
      return true;
    }),
  ),
  make("sizes", "an empty binding", (draft, random) =>
    one(draft.kernels, random, ({ bindings }) => {
      const binding = random.pick(bindings);
      if (binding === undefined) return false;
      binding.bytes = 0;
      return true;
    }),
  ),
  make("alignment", "a few bytes off", (draft, random) =>
    one(transients(draft), random, (of) => moveWithAliases(draft, of, of.offset + 4)),
  ),
  make("alignment", "half a unit off", (draft, random) =>
    one(persistents(draft), random, (of) => moveWithAliases(draft, of, of.offset + 128)),
  ),
  make("alignment", "half a word", (draft, random) => one(draft.tensors, random, (of) => (of.size += 2))),
  make("alignment", "a buffer of odd size", (draft, random) =>
    one(draft.buffers, random, (of) => {
      of.size += 2;
      draft.peakBytes += 2;
    }),
  ),
  make("inside", "a shrunk buffer", (draft, random) =>
    one(draft.buffers, random, (of) => {
      of.size -= 256;
      retotal(draft);
      return of.size > 0;
    }),
  ),
  make("inside", "beyond the buffer's end", (draft, random) =>
    one(draft.tensors, random, (of) => {
      of.offset = draft.buffers[of.buffer]?.size ?? 0;
    }),
  ),
  make("inside", "too few bytes for the elements", (draft, random) =>
    one(
      draft.tensors.filter(({ size }) => size > 4),
      random,
      (of) => (of.size -= 4),
    ),
  ),
  make("inside", "more bytes than the elements take", (draft, random) =>
    one(draft.tensors, random, (of) => {
      of.size += 4;
      retotal(draft);
    }),
  ),
  make("inside", "slices that share bytes", (draft, random) =>
    one(
      draft.tensors.filter(({ shape, stride }) => (shape[0] ?? 1) > 1 && stride > 1),
      random,
      (of) => {
        const [count = 1, ...rest] = of.shape;
        const bytes = of.type === "f16" || of.type === "bf16" ? 2 : 4;
        const slice = rest.reduce((product, size) => product * size, 1);
        of.stride = slice - 1;
        of.size = Math.ceil((((count - 1) * of.stride + slice) * bytes) / 4) * 4;
        retotal(draft);
        return slice > 1;
      },
    ),
  ),
  make("inside", "an alias that starts before its owner", (draft, random) => {
    const startOf = ({ aliasOf }: Tensor): number => draft.tensors[aliasOf ?? -1]?.offset ?? 0;
    return one(
      aliases(draft).filter((alias) => startOf(alias) > 0),
      random,
      (alias) => (alias.offset = startOf(alias) - 256) >= 0,
    );
  }),
  make("inside", "an alias that ends after its owner", (draft, random) =>
    one(aliases(draft), random, (alias) => {
      const owner = draft.tensors[alias.aliasOf ?? -1];
      if (owner === undefined) return false;
      alias.offset = owner.offset + Math.ceil(owner.size / 256) * 256;
      return true;
    }),
  ),
  make("inside", "an alias in another buffer", (draft, random) =>
    one(aliases(draft), random, (alias) => (alias.buffer = (alias.buffer + 1) % draft.buffers.length) >= 0),
  ),
  make("live ranges", "one put on another", (draft, random) =>
    one(together(draft), random, ([a, b]) => moveWithAliases(draft, a, b.offset)),
  ),
  make("live ranges", "one put into another", (draft, random) =>
    one(
      together(draft).filter(([, b]) => b.size >= 512),
      random,
      ([a, b]) => moveWithAliases(draft, a, b.offset + 256),
    ),
  ),
  make("live ranges", "two exchanged", (draft, random) =>
    one(
      together(draft).filter(([a, b]) => clashAfterSwap(draft, a, b)),
      random,
      ([a, b]) => {
        const [x, y] = [a.offset, b.offset];
        moveWithAliases(draft, a, y);
        moveWithAliases(draft, b, x);
      },
    ),
  ),
  make("live ranges", "a weight on a weight", (draft, random) =>
    one(persistents(draft), random, (of) => {
      const other = persistents(draft).find((b) => b !== of && b.buffer === of.buffer);
      if (other === undefined) return false;
      moveWithAliases(draft, of, other.offset);
      return true;
    }),
  ),
  make("live ranges", "a transient tensor on a weight", (draft, random) =>
    one(transients(draft), random, (of) => {
      const [other] = persistents(draft);
      if (other === undefined) return false;
      const index = draft.tensors.indexOf(of);
      for (const alias of draft.tensors) if (alias.aliasOf === index) alias.buffer = other.buffer;
      of.buffer = other.buffer;
      moveWithAliases(draft, of, other.offset);
      return true;
    }),
  ),
  make("live ranges", "an alias with memory of its own", (draft, random) =>
    one(aliases(draft), random, (of) => {
      of.aliasOf = undefined;
    }),
  ),
  make("accounting", "a buffer with room to spare", (draft, random) =>
    one(draft.buffers, random, (of) => {
      of.size += 256;
      retotal(draft);
    }),
  ),
  make("accounting", "a buffer that nothing lies in", (draft) => {
    draft.buffers.push({ name: "spare", memory: "device", size: 1024 });
    retotal(draft);
    return true;
  }),
  make("totals", "a peak too low", (draft) => (draft.peakBytes -= 256) > 0),
  make("totals", "a peak too high", (draft) => (draft.peakBytes += 256) > 0),
  make("totals", "a lower bound too high", (draft) => (draft.lowerBoundBytes += 256) > 0),
  make("totals", "a lower bound too low", (draft) => (draft.lowerBoundBytes -= 4) > 0),
  make("totals", "a program's peak too low", (draft, random) =>
    one(draft.programs, random, (of) => (of.peakBytes -= 256)),
  ),
  make("totals", "a program's peak elsewhere", (draft, random) =>
    one(draft.programs, random, (of) => (of.peakAt += 1)),
  ),
];

function clashAfterSwap(draft: Draft, a: Tensor, b: Tensor): boolean {
  if (a.size === b.size) return false;
  const [large, small] = a.size > b.size ? [a, b] : [b, a];
  const end = small.offset + large.size;
  const [first, last] = [large.lifetime?.first ?? 0, large.lifetime?.last ?? 0];
  return transients(draft).some(({ lifetime, offset, size, buffer }) => {
    if (
      offset === a.offset ||
      offset === b.offset ||
      buffer !== a.buffer ||
      lifetime?.program !== large.lifetime?.program
    )
      return false;
    const meets = lifetime !== undefined && lifetime.first <= last && first <= lifetime.last;
    return meets && offset < end && small.offset < offset + size;
  });
}

/** Dispatches by program, with what each reads and writes, without aliases' owners. */
function touching(draft: Draft, dispatch: Dispatch, how: "reads" | "writes"): number[] {
  const bindings = kernelOf(draft, dispatch)?.bindings ?? [];
  return dispatch.tensors.filter((_, slot) => bindings[slot]?.[how] === true);
}

const flow: Mutation[] = [
  make("dispatch bindings", "one tensor twice", (draft, random) =>
    one(
      dispatches(draft).filter(({ tensors }) => tensors.length > 1),
      random,
      ({ tensors }) => {
        const [first] = tensors;
        if (first === undefined) return false;
        tensors[1] = first;
        relive(draft);
        return true;
      },
    ),
  ),
  make("dispatch bindings", "a stack and its layer", (draft, random) =>
    one(aliases(draft), random, (alias) => {
      const users = dispatches(draft).filter(
        ({ tensors }) => tensors.includes(alias.aliasOf ?? -1) && tensors.length > 1,
      );
      return one(users, random, ({ tensors }) => {
        const slot = tensors.findIndex((tensor) => tensor !== alias.aliasOf);
        tensors[slot] = draft.tensors.indexOf(alias);
        relive(draft);
      });
    }),
  ),
  make("dispatch bindings", "one buffer read-only and read-write", (draft, random) =>
    one(dispatches(draft), random, (of) => {
      const kernel = kernelOf(draft, of);
      const slot = of.tensors.findIndex((index, at) =>
        of.tensors.some(
          (other, place) => place !== at && draft.tensors[other]?.buffer === draft.tensors[index]?.buffer,
        ),
      );
      const binding = kernel?.bindings[slot];
      if (kernel === undefined || binding === undefined || binding.writes) return false;
      binding.access = "read";
      kernel.wgsl = kernel.wgsl.replace(
        `@binding(${slot}) var<storage, read_write>`,
        `@binding(${slot}) var<storage, read>`,
      );
      return true;
    }),
  ),
  make("lifetimes", "dies too early", (draft, random) =>
    one(
      transients(draft).filter(({ lifetime }) => lifetime !== undefined && lifetime.last > lifetime.first),
      random,
      ({ lifetime }) => {
        if (lifetime !== undefined) lifetime.last -= 1;
        retotal(draft);
      },
    ),
  ),
  make("lifetimes", "is born too late", (draft, random) =>
    one(
      transients(draft).filter(({ lifetime }) => lifetime !== undefined && lifetime.last > lifetime.first),
      random,
      ({ lifetime }) => {
        if (lifetime !== undefined) lifetime.first += 1;
        retotal(draft);
      },
    ),
  ),
  make("lifetimes", "lives too long", (draft, random) =>
    one(transients(draft), random, ({ lifetime }) => {
      const count = draft.programs.find(({ name }) => name === lifetime?.program)?.dispatches.length ?? 0;
      if (lifetime === undefined || lifetime.last + 1 >= count) return false;
      lifetime.last += 1;
      retotal(draft);
      return true;
    }),
  ),
  make("lifetimes", "another program's tensor", (draft, random) =>
    one(dispatches(draft), random, (of) => {
      const own = of.tensors.find((index) => draft.tensors[index]?.lifetime !== undefined);
      const program = draft.tensors[own ?? -1]?.lifetime?.program;
      const foreign = transients(draft).find(({ lifetime }) => lifetime?.program !== program);
      if (own === undefined || foreign === undefined) return false;
      of.tensors[of.tensors.indexOf(own)] = draft.tensors.indexOf(foreign);
      return true;
    }),
  ),
  make("lifetimes", "a tensor that nothing uses", (draft, random) =>
    one(transients(draft), random, (of) => {
      draft.tensors.push({ ...of, name: "unused", aliasOf: draft.tensors.indexOf(of) });
    }),
  ),
  make("writes before reads", "a lost dispatch", (draft, random) => lose(draft, random)),
  make("writes before reads", "two dispatches exchanged", (draft, random) => exchange(draft, random)),
  make("writes before reads", "a variable that begins with nothing", (draft, random) =>
    one(
      draft.variables.filter(
        ({ kind, initial }) => (kind === "weights" || kind === "optimizer") && initial.from !== "program",
      ),
      random,
      (of) => {
        of.initial = { from: "program" };
      },
    ),
  ),
  make("variables", "a part too few", (draft, random) =>
    one(
      draft.variables.filter(({ parts }) => parts.length > 2),
      random,
      ({ parts }) => parts.pop(),
    ),
  ),
  make("variables", "a part of another variable", (draft, random) =>
    one(draft.variables, random, (of) => {
      const other = draft.variables.find((variable) => variable !== of);
      const [part] = other?.parts ?? [];
      if (part === undefined) return false;
      of.parts[0] = part;
      return true;
    }),
  ),
  make("variables", "a part twice", (draft, random) =>
    one(
      draft.variables.filter(({ parts }) => parts.length > 1),
      random,
      ({ parts }) => (parts[1] = parts[0] ?? 0) >= 0,
    ),
  ),
  make("variables", "a transient part", (draft, random) =>
    one(draft.variables, random, (of) => {
      const [other] = transients(draft);
      if (other === undefined) return false;
      of.parts[0] = draft.tensors.indexOf(other);
      return true;
    }),
  ),
  make("variables", "a part of another kind", (draft, random) =>
    one(
      draft.variables,
      random,
      (of) => (of.kind = of.kind === "weights" ? "optimizer" : "weights") !== undefined,
    ),
  ),
  make("variables", "parts of another shape", (draft, random) =>
    one(draft.variables, random, (of) => of.shape.push(2)),
  ),
  make("variables", "parts of another type", (draft, random) =>
    one(draft.variables, random, (of) => (of.type = of.type === "u32" ? "i32" : "u32") !== undefined),
  ),
  make("variables", "memory that is no variable's", (draft, random) =>
    one(draft.variables, random, (of) => draft.variables.splice(draft.variables.indexOf(of), 1)),
  ),
  make("variables", "a table too short", (draft, random) =>
    one(draft.variables, random, (of) => {
      of.initial = { from: "table", data: "AAAA" };
    }),
  ),
  make("variables", "names that do not count the layers", (draft, random) =>
    one(
      draft.variables.filter(({ shape }) => shape[0] !== 7),
      random,
      (of) => {
        of.initial = { from: "checkpoint", names: ["a", "b", "c", "d", "e", "f", "g"] };
      },
    ),
  ),
  make("variables", "a stack that is none", (draft, random) =>
    one(
      draft.variables.filter(
        ({ stack, shape, initial }) => stack && (shape[0] ?? 1) > 1 && "names" in initial,
      ),
      random,
      (of) => void (of.stack = false),
    ),
  ),
  make("job", "a batch of more rows than its micro-batches", (draft) => (draft.job.batch += 1) > 0),
  make("job", "half the accumulation", (draft) => {
    draft.job.accumulation *= 2;
    return true;
  }),
  make("job", "rows of another length", (draft) => {
    draft.job.tokens += 1;
    return draft.variables.some(({ name }) => name === "ids");
  }),
  make("job", "micro-batches of other rows", (draft) => {
    draft.job.rows *= 2;
    draft.job.batch *= 2;
    return draft.variables.some(({ name }) => name === "ids");
  }),
  make("job", "an input with less room", (draft, random) =>
    one(
      draft.variables.filter(({ name }) => ["ids", "positions", "segments", "targets"].includes(name)),
      random,
      (of) => (of.shape[0] = (of.shape[0] ?? 1) + 1) > 0,
    ),
  ),
  make("job", "a scalar of a number that no step has", (draft, random) =>
    one(draft.scalars, random, (of) => {
      of.expression = { apply: "add", to: [1, { name: "loss" }] };
    }),
  ),
  make("job", "scalars without a place", (draft) => {
    const [scalar] = draft.scalars;
    if (scalar === undefined) return false;
    draft.scalars = Array.from({ length: 65 }, () => scalar);
    return true;
  }),
];

/** Drops the only writer of something that is read later. */
function lose(draft: Draft, random: Random): boolean {
  const program = random.pick(draft.programs);
  if (program === undefined) return false;
  const places = program.dispatches.flatMap((of, at) => {
    const made = touching(draft, of, "writes").filter(
      (index) => draft.tensors[index]?.lifetime !== undefined,
    );
    const again = touching(draft, of, "reads");
    const onlyWriter = made.some((index) => {
      const isRead = program.dispatches
        .slice(at + 1)
        .some((other) => touching(draft, other, "reads").includes(index));
      const isWritten = program.dispatches.some(
        (other) => other !== of && touching(draft, other, "writes").includes(index),
      );
      return isRead && !isWritten && !again.includes(index) && draft.tensors[index]?.aliasOf === undefined;
    });
    return onlyWriter ? [at] : [];
  });
  const at = random.pick(places);
  if (at === undefined) return false;
  program.dispatches.splice(at, 1);
  for (const transfer of program.transfers) if (transfer.before > at) transfer.before -= 1;
  for (const { lifetime } of draft.tensors) {
    if (lifetime?.program !== program.name) continue;
    if (lifetime.first > at) lifetime.first -= 1;
    if (lifetime.last >= at) lifetime.last = Math.max(lifetime.first, lifetime.last - 1);
  }
  relive(draft);
  retotal(draft);
  return true;
}

/** Runs the first reader of a tensor before its writer. */
function exchange(draft: Draft, random: Random): boolean {
  const program = random.pick(draft.programs);
  if (program === undefined) return false;
  const pairs = program.dispatches.flatMap((of, at) =>
    touching(draft, of, "writes").flatMap((index) => {
      if (draft.tensors[index]?.lifetime?.first !== at || draft.tensors[index]?.aliasOf !== undefined)
        return [];
      const reader = program.dispatches.findIndex(
        (other, place) => place > at && touching(draft, other, "reads").includes(index),
      );
      return reader === -1 ? [] : [[at, reader] as const];
    }),
  );
  const pair = random.pick(pairs);
  if (pair === undefined) return false;
  const [writer, reader] = pair;
  const moved = program.dispatches.splice(reader, 1);
  program.dispatches.splice(writer, 0, ...moved);
  relive(draft);
  retotal(draft);
  return true;
}

const device = (limit: keyof Draft["device"]["limits"], below: (draft: Draft) => number): Mutation =>
  make("device limits", `a device with a lower ${limit}`, (draft) => {
    const value = below(draft) - 1;
    if (value < 1) return false;
    draft.device.limits[limit] = value;
    return true;
  });

const kernels: Mutation[] = [
  make("kernel text", "a binding of another name", edit(/(@binding\(0\) var<[^>]*> )\w+/, "$1other")),
  make("kernel text", "a binding of another number", edit("@binding(0)", "@binding(9)")),
  make("kernel text", "another group", edit("@group(0)", "@group(1)")),
  make("kernel text", "a binding gone from the text", edit(/@group\(0\) @binding\(0\)[^\n]*\n/, "")),
  make(
    "kernel text",
    "a binding more",
    edit("@compute", "@group(0) @binding(12) var<storage, read_write> more: array<u32>;\n@compute"),
  ),
  make(
    "kernel text",
    "a uniform",
    edit("@compute", "@group(0) @binding(12) var<uniform> more: vec4<u32>;\n@compute"),
  ),
  make("kernel text", "read-only in the text", edit("var<storage, read_write>", "var<storage, read>")),
  make("kernel text", "another workgroup", edit(/@workgroup_size\(\d+/, "@workgroup_size(7")),
  make("kernel text", "a second entry point", (draft, random) =>
    one(draft.kernels, random, (of) => (of.wgsl += "@compute @workgroup_size(1) fn again() {}\n") !== ""),
  ),
  make(
    "kernel text",
    "workgroup memory that nobody counted",
    edit("@compute", "var<workgroup> more: array<vec4<f32>, 64>;\n@compute"),
  ),
  make("kernel text", "a hidden write", (draft, random) =>
    one(
      draft.kernels.filter(({ bindings }) => bindings.some(({ writes }) => !writes)),
      random,
      (of) => {
        const name = of.bindings.find(({ writes }) => !writes)?.name ?? "";
        of.wgsl = of.wgsl.replace(/\}\s*$/, `  ${name}[0] = ${name}[1];\n}\n`);
      },
    ),
  ),
  make("kernel text", "a hidden read", (draft, random) =>
    one(
      draft.kernels.filter(({ bindings }) => bindings.some(({ reads }) => !reads)),
      random,
      (of) => {
        const name = of.bindings.find(({ reads }) => !reads)?.name ?? "";
        of.wgsl = of.wgsl.replace(/\}\s*$/, `  let stolen = ${name}[1];\n}\n`);
      },
    ),
  ),
  make("kernel text", "a write that is claimed only", (draft, random) =>
    one(draft.kernels, random, ({ bindings }) => {
      const binding = bindings.find(({ writes }) => !writes);
      if (binding === undefined) return false;
      binding.writes = true;
      return true;
    }),
  ),
  make("kernel text", "a read that is denied", (draft, random) =>
    one(draft.kernels, random, ({ bindings }) => {
      const binding = bindings.find(({ reads }) => reads);
      if (binding === undefined) return false;
      binding.reads = false;
      return true;
    }),
  ),
  make("kernel text", "a larger array in the text", (draft, random) =>
    one(draft.kernels, random, (of) => {
      const bytes = of.bindings[0]?.bytes ?? 0;
      of.wgsl = of.wgsl.replace(/(@binding\(0\)[^:]*: array<)[^;]*>;/, `$1u32, ${bytes / 4 + 1}>;`);
    }),
  ),
  make(
    "kernel text",
    "constants that may be overridden",
    edit("@compute", "override size: u32 = 1u;\n@compute"),
  ),
  make("kernel text", "a text that cannot be read", (draft, random) =>
    one(draft.kernels, random, (of) => {
      of.wgsl = "// nothing";
    }),
  ),
  device("maxBufferSize", ({ buffers }) =>
    Math.max(...buffers.map(({ memory, size }) => (memory === "device" ? size : 0))),
  ),
  device("maxStorageBufferBindingSize", (draft) =>
    Math.max(
      ...dispatches(draft).flatMap(({ tensors }) => tensors.map((index) => draft.tensors[index]?.size ?? 0)),
    ),
  ),
  device("maxStorageBuffersPerShaderStage", ({ kernels }) =>
    Math.max(...kernels.map(({ bindings }) => bindings.length)),
  ),
  device("maxComputeInvocationsPerWorkgroup", ({ kernels }) =>
    Math.max(...kernels.map(({ workgroupSize: [x, y, z] }) => x * y * z)),
  ),
  device("maxComputeWorkgroupSizeX", ({ kernels }) =>
    Math.max(...kernels.map(({ workgroupSize: [x] }) => x)),
  ),
  device("maxComputeWorkgroupsPerDimension", ({ kernels }) =>
    Math.max(...kernels.flatMap(({ workgroups }) => workgroups)),
  ),
  make("device limits", "a workgroup too deep", (draft, random) =>
    one(draft.kernels, random, (of) => {
      of.workgroupSize = [of.workgroupSize[0], of.workgroupSize[1], 128];
      of.wgsl = of.wgsl.replace(
        /@workgroup_size\([^)]*\)/,
        `@workgroup_size(${of.workgroupSize.join(", ")})`,
      );
    }),
  ),
  make("device limits", "too much workgroup memory", (draft, random) =>
    one(draft.kernels, random, (of) => {
      const size = draft.device.limits.maxComputeWorkgroupStorageSize;
      of.workgroupMemory += size + 4;
      of.wgsl = of.wgsl.replace("@compute", `var<workgroup> more: array<u32, ${size / 4 + 1}>;\n@compute`);
    }),
  ),
  make("device limits", "too many workgroups", (draft, random) =>
    one(dispatches(draft), random, (of) => {
      const kernel = kernelOf(draft, of);
      if (kernel === undefined) return false;
      kernel.workgroups[0] = 65536;
      return true;
    }),
  ),
  make("features", "a feature enabled and not listed", (draft, random) =>
    one(draft.kernels, random, (of) => (of.wgsl = `enable f16;\n${of.wgsl}`) !== ""),
  ),
  make("features", "a feature that the device lacks", (draft, random) =>
    one(draft.kernels, random, (of) => {
      const lacking = ["subgroups", "shader-f16", "clip-distances"].find(
        (feature) => !draft.device.features.includes(feature),
      );
      if (lacking === undefined) return false;
      of.features.push(lacking);
      of.wgsl = `enable ${lacking.replace("shader-", "").replaceAll("-", "_")};\n${of.wgsl}`;
      return true;
    }),
  ),
  make("features", "a device that lost a feature", (draft, random) =>
    one(draft.kernels, random, (of) => {
      of.features.push("shader-f16");
      of.wgsl = `enable f16;\n${of.wgsl}`;
      draft.device.features = [];
    }),
  ),
  make("bindings", "a kernel that touches more", (draft, random) =>
    one(draft.kernels, random, ({ bindings }) => {
      const binding = random.pick(bindings);
      if (binding === undefined) return false;
      binding.bytes += 1_000_000;
      return true;
    }),
  ),
  make("bindings", "a smaller tensor", (draft, random) =>
    one(dispatches(draft), random, (of) => {
      const bindings = kernelOf(draft, of)?.bindings ?? [];
      const slot = random.below(of.tensors.length);
      const small = persistents(draft).find(({ size }) => size < (bindings[slot]?.bytes ?? 0));
      if (small === undefined) return false;
      of.tensors[slot] = draft.tensors.indexOf(small);
      relive(draft);
      return true;
    }),
  ),
  make("bindings", "another kernel", (draft, random) =>
    one(dispatches(draft), random, (of) => {
      const other = draft.kernels.findIndex(
        ({ bindings }, index) =>
          index !== of.kernel &&
          bindings.length === of.tensors.length &&
          bindings.some(({ bytes }, at) => bytes > (draft.tensors[of.tensors[at] ?? -1]?.size ?? 0)),
      );
      if (other === -1) return false;
      of.kernel = other;
      return true;
    }),
  ),
];

const hashes: Mutation[] = [
  make("kernel hashes", "one byte of a text", edit("u32", "i32"), "kernels"),
  make(
    "kernel hashes",
    "one space in a text",
    (draft, random) => one(draft.kernels, random, (of) => (of.wgsl += " ") !== ""),
    "kernels",
  ),
  make(
    "kernel hashes",
    "more workgroups than the text is written for",
    (draft, random) => one(draft.kernels, random, (of) => (of.workgroups[0] += 1) > 0),
    "kernels",
  ),
  make(
    "kernel hashes",
    "half the workgroups",
    (draft, random) =>
      one(
        draft.kernels.filter(({ workgroups: [x] }) => x > 1),
        random,
        (of) => {
          of.workgroups[0] = Math.floor(of.workgroups[0] / 2);
        },
      ),
    "kernels",
  ),
  make(
    "kernel hashes",
    "another hash",
    (draft, random) => one(draft.kernels, random, (of) => (of.hash = "0".repeat(64)) !== ""),
    "kernels",
  ),
  make("plan hash", "another recipe", (draft) => (draft.recipe += "!") !== "", "all"),
  make(
    "plan hash",
    "another path",
    (draft, random) => one(dispatches(draft), random, (of) => (of.path += "!") !== ""),
    "all",
  ),
  make("plan hash", "a larger budget", (draft) => (draft.budget += 1) > 0, "all"),
  make(
    "plan hash",
    "another expression",
    (draft) => {
      const [scalar] = draft.scalars;
      if (scalar === undefined) return false;
      scalar.expression = 1;
      return true;
    },
    "all",
  ),
  make(
    "plan hash",
    "another tensor of a file",
    (draft, random) =>
      one(
        draft.variables.filter(({ initial }) => initial.from === "checkpoint"),
        random,
        (of) => {
          of.initial = { from: "checkpoint", names: ["other"] };
        },
      ),
    "all",
  ),
  make("plan hash", "another hash", (draft) => (draft.hash = "f".repeat(64)) !== "", "all"),
];

const formats: Mutation[] = [
  make("held tensors", "a program too few", (draft, random) =>
    one(draft.held, random, ({ programs }) => programs.pop()),
  ),
  make("held tensors", "a program of another tensor", (draft, random) =>
    one(draft.held, random, ({ programs }) => programs.reverse()),
  ),
  make("held tensors", "a program that writes too little", (draft, random) =>
    one(
      draft.programs.filter(({ name }) => draft.held.some(({ programs }) => programs.includes(name))),
      random,
      ({ dispatches }) => {
        dispatches.pop();
        relive(draft);
      },
    ),
  ),
  make("held tensors", "no room for the host", (draft) => {
    const [held] = draft.held;
    const staging = draft.variables.find(({ name }) => name === held?.staging);
    return staging !== undefined && (staging.shape[0] = 1) > 0;
  }),
  make("held tensors", "a tensor that begins otherwise", (draft, random) =>
    one(
      draft.variables.filter(({ initial }) => initial.from === "held"),
      random,
      (of) => void (of.initial = { from: "zero" }),
    ),
  ),
  make("held tensors", "a tensor that nothing is held in", (draft, random) =>
    one(draft.held, random, ({ tensors }) => tensors.pop()),
  ),
  make("held tensors", "a table that is none", (draft, random) =>
    one(draft.held, random, ({ stored, staging }) => {
      const [table] = stored?.tables ?? [];
      return table !== undefined && (table.variable = staging) !== "";
    }),
  ),
];

export const mutations: readonly Mutation[] = [
  ...forms,
  ...memory,
  ...flow,
  ...formats,
  ...kernels,
  ...hashes,
  ...transferMutations,
];
