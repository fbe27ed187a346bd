// Ways to corrupt the transfers of a correct plan, and what it says of the host's memory, each with the rule that must refuse it.
import { relive, retotal, type Draft, type Random } from "./draft.ts";
import type { Mutation } from "./mutations.ts";

type Program = Draft["programs"][number];
type Transfer = Program["transfers"][number];

const make = (rule: string, name: string, apply: Mutation["apply"]): Mutation => ({
  rule,
  name,
  apply,
  isAway: true,
});

/** Changes one of the transfers that are wanted. */
const oneOf = (
  draft: Draft,
  random: Random,
  wanted: (transfer: Transfer, program: Program) => boolean,
  change: (transfer: Transfer, program: Program) => unknown,
): boolean => {
  const found = draft.programs.flatMap((program) =>
    program.transfers.filter((each) => wanted(each, program)).map((each) => [each, program] as const),
  );
  const picked = random.pick(found);
  return picked !== undefined && change(...picked) !== false;
};

/** The dispatches of a program that bind a tensor or an alias of it, be it to read or to write, or one of these. */
const usesOf = (draft: Draft, { dispatches }: Program, tensor: number, how?: "reads" | "writes"): number[] =>
  dispatches.flatMap(({ kernel, tensors }, at) => {
    const bindings = draft.kernels[kernel]?.bindings ?? [];
    const uses = tensors.some(
      (index, slot) =>
        (index === tensor || draft.tensors[index]?.aliasOf === tensor) &&
        (how === undefined || bindings[slot]?.[how] === true),
    );
    return uses ? [at] : [];
  });

const isUp = ({ direction }: Transfer): boolean => direction === "up";
const isDown = ({ direction }: Transfer): boolean => direction === "down";
/** Whether the other way is gone too. */
const isRound = ({ device, direction }: Transfer, { transfers }: Program): boolean =>
  transfers.some((other) => other.device === device && other.direction !== direction);

const inOrder = ({ transfers }: Program): void => {
  transfers.sort((a, b) => a.before - b.before || (isDown(a) ? 0 : 1) - (isDown(b) ? 0 : 1));
};

const remove = (transfer: Transfer, { transfers }: Program): void => {
  transfers.splice(transfers.indexOf(transfer), 1);
};

export const transferMutations: readonly Mutation[] = [
  make("form", "a transfer of a tensor that is not there", (draft, random) =>
    oneOf(draft, random, isUp, (of) => (of.host = draft.tensors.length)),
  ),
  make("form", "a transfer after the program's end", (draft, random) =>
    oneOf(draft, random, isDown, (of, { dispatches }) => (of.before = dispatches.length + 1)),
  ),
  make("form", "a transfer that goes elsewhere", (draft, random) =>
    oneOf(draft, random, isUp, (of) => void ((of as { direction: string }).direction = "sideways")),
  ),
  make("form", "a buffer in no memory", (draft) => {
    const [buffer] = draft.buffers;
    if (buffer === undefined) return false;
    (buffer as { memory: string }).memory = "disk";
    return true;
  }),
  make("totals", "more of the host than is claimed", (draft) =>
    draft.hostBytes === 0 ? false : (draft.hostBytes -= 256) >= 0,
  ),
  make("live ranges", "two tensors in the same bytes of the host", (draft, random) => {
    const away = draft.tensors.filter(
      ({ buffer, aliasOf }) => aliasOf === undefined && draft.buffers[buffer]?.memory === "host",
    );
    const of = random.pick(away);
    const other = away.find((each) => each !== of && each.buffer === of?.buffer);
    if (of === undefined || other === undefined) return false;
    const moved = other.offset - of.offset;
    const index = draft.tensors.indexOf(of);
    for (const alias of draft.tensors) if (alias.aliasOf === index) alias.offset += moved;
    of.offset += moved;
    return true;
  }),
  make("host memory", "a dispatch that binds the host's memory", (draft, random) =>
    oneOf(
      draft,
      random,
      (of, program) => usesOf(draft, program, of.device).length > 0,
      ({ host, device }, { dispatches }) => {
        for (const { tensors } of dispatches)
          tensors.forEach((tensor, slot) => tensor === device && (tensors[slot] = host));
        return dispatches.some(({ tensors }) => tensors.includes(host));
      },
    ),
  ),
  make("host memory", "an arena in the host's memory", (draft) => {
    const arena = draft.buffers.find(({ name }) => name.startsWith("arena"));
    if (arena === undefined) return false;
    arena.memory = "host";
    retotal(draft);
    return true;
  }),
  make("writes before reads", "what does not come up", (draft, random) =>
    oneOf(
      draft,
      random,
      (of, program) => isUp(of) && !isRound(of, program),
      (of, program) => {
        remove(of, program);
        relive(draft);
        retotal(draft);
      },
    ),
  ),
  make("transfers", "what changes and does not come down", (draft, random) =>
    oneOf(draft, random, (of, program) => isDown(of) && isRound(of, program), remove),
  ),
  make("transfers", "what comes up after it was used", (draft, random) =>
    oneOf(draft, random, isUp, (of, program) => {
      const [first] = usesOf(draft, program, of.device);
      if (first === undefined || first + 1 > program.dispatches.length) return false;
      of.before = first + 1;
      inOrder(program);
      return true;
    }),
  ),
  make("transfers", "what comes up twice", (draft, random) =>
    oneOf(draft, random, isUp, (of, program) => {
      program.transfers.splice(program.transfers.indexOf(of), 0, { ...of });
    }),
  ),
  make("transfers", "what comes down before its last change", (draft, random) =>
    oneOf(draft, random, isDown, (of, program) => {
      const last = usesOf(draft, program, of.device, "writes").at(-1);
      if (last === undefined) return false;
      of.before = last;
      inOrder(program);
      return true;
    }),
  ),
  make("transfers", "what comes down when its bytes are another's", (draft, random) =>
    oneOf(
      draft,
      random,
      (of, { dispatches }) => isDown(of) && of.before < dispatches.length,
      (of, program) => {
        of.before += 1;
        inOrder(program);
      },
    ),
  ),
  make("transfers", "what comes down unchanged", (draft, random) =>
    oneOf(
      draft,
      random,
      (of, program) => isUp(of) && !isRound(of, program),
      (of, program) => {
        const last = usesOf(draft, program, of.device).at(-1) ?? 0;
        program.transfers.push({ ...of, direction: "down", before: last + 1 });
        inOrder(program);
      },
    ),
  ),
  make("transfers", "two of one tensor, of which one changes", (draft, random) =>
    oneOf(
      draft,
      random,
      (of, program) => isUp(of) && isRound(of, program),
      (of, program) => {
        const last = usesOf(draft, program, of.device).at(-1) ?? -1;
        const shape = draft.tensors[of.device]?.shape.join();
        const other = program.transfers.find(
          (each) =>
            isUp(each) &&
            isRound(each, program) &&
            each.host !== of.host &&
            draft.tensors[each.device]?.shape.join() === shape &&
            each.before <= last &&
            (usesOf(draft, program, each.device).at(-1) ?? -1) >= last,
        );
        if (other === undefined) return false;
        for (const each of program.transfers) if (each.device === other.device) each.host = of.host;
        return true;
      },
    ),
  ),
  make("transfers", "what stands for another's size", (draft, random) =>
    oneOf(draft, random, isUp, (of, program) => {
      const size = draft.tensors[of.host]?.size;
      const other = program.transfers.find((each) => draft.tensors[each.host]?.size !== size);
      if (other === undefined) return false;
      for (const each of program.transfers) if (each.device === of.device) each.host = other.host;
      return true;
    }),
  ),
  make("transfers", "transfers in another order", (draft, random) =>
    oneOf(
      draft,
      random,
      (of, { transfers }) => of.before > (transfers[0]?.before ?? 0),
      (of, program) => {
        remove(of, program);
        program.transfers.unshift(of);
      },
    ),
  ),
  make("transfers", "what comes from the device's own memory", (draft, random) => {
    const own = draft.tensors.findIndex(
      ({ lifetime, buffer, aliasOf }) =>
        lifetime === undefined && aliasOf === undefined && draft.buffers[buffer]?.memory === "device",
    );
    return own !== -1 && oneOf(draft, random, isUp, (of) => (of.host = own) >= 0);
  }),
];
