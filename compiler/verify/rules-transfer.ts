// Rules about what lives in the host's memory: dispatches bind nothing there, and what stands for it on the device is brought up before it
// is used, is the only one that changes meanwhile, and comes down whole after it was changed, while its bytes are still its own.
import type { Plan, PlanProgram, PlanTensor, Transfer } from "../plan/plan.ts";
import { eachDispatch, elementBytes, elements, isOnHost, type Report, type Rule } from "./rule.ts";
import { isWritten, Written } from "./written.ts";

const hostBindings: Rule = {
  name: "host memory",
  about: "no dispatch binds the host's memory, and nothing there is transient",
  check(plan, report) {
    eachDispatch(plan, ({ tensors }, program, dispatch) => {
      report.examine();
      for (const index of tensors) {
        const tensor = plan.tensors[index];
        if (tensor === undefined || !isOnHost(plan, tensor)) continue;
        const message = `the dispatch binds '${tensor.name}', which lies in the host's memory`;
        report.refuse(message, { tensors: [index], dispatches: [[program, dispatch]] });
      }
    });
    plan.tensors.forEach((tensor, index) => {
      if (tensor.lifetime !== undefined && isOnHost(plan, tensor))
        report.refuse(`'${tensor.name}' is transient and lies in the host's memory`, { tensors: [index] });
    });
    for (const { name, parts } of plan.variables) {
      const places = parts.flatMap((part) => plan.tensors[part] ?? []).map((part) => isOnHost(plan, part));
      if (places.includes(true) && places.includes(false))
        report.refuse(`variable '${name}' lies partly in the host's memory`, { tensors: parts });
    }
  },
};

/** What a transfer has to do with, where its two ends fit. */
interface Stay {
  readonly host: number;
  readonly device: number;
  readonly range: PlanTensor;
  readonly lastUse: number;
  isThere: boolean;
  readonly written: Written;
}

const transfers: Rule = {
  name: "transfers",
  about:
    "what stands for the host's memory comes up before its use and once, comes down after its last change, and is never out of date",
  check(plan, report) {
    plan.programs.forEach((program, at) => {
      report.examine();
      checkProgram(plan, program, at, report);
    });
  },
};

function checkProgram(plan: Plan, program: PlanProgram, at: number, report: Report): void {
  const last = lastUses(plan, program);
  const stays = new Map<number, Stay>();
  let place = { before: 0, rank: 0 };
  for (const transfer of program.transfers) {
    report.examine();
    const { host, device, before, direction } = transfer;
    const rank = direction === "down" ? 0 : 1;
    if (before < place.before || (before === place.before && rank < place.rank))
      refuseAt(report, "a transfer stands behind one that is made later", [host, device], at, before);
    place = { before, rank };
    const stay = stayOf(plan, program, transfer, last, stays.get(device), (what) =>
      refuseAt(report, what, [host, device], at, before),
    );
    if (stay !== undefined) stays.set(device, stay);
  }
  if (stays.size === 0) return;

  const used = new Set<number>();
  const changed = new Set<Stay>();
  let next = 0;
  for (let dispatch = 0; dispatch <= program.dispatches.length; dispatch += 1) {
    for (; program.transfers[next]?.before === dispatch; next += 1) {
      const transfer = program.transfers[next];
      const stay = stays.get(transfer?.device ?? -1);
      if (transfer === undefined || stay === undefined || stay.host !== transfer.host) continue;
      const bad = (what: string): void =>
        refuseAt(
          report,
          what,
          [stay.host, stay.device],
          at,
          Math.min(dispatch, program.dispatches.length - 1),
        );
      if (transfer.direction === "up") comeUp(plan, stay, used, changed, bad);
      else goDown(plan, stay, dispatch, changed, stays, bad);
    }
    const { kernel = -1, tensors = [] } = program.dispatches[dispatch] ?? {};
    const bindings = plan.kernels[kernel]?.bindings ?? [];
    for (const index of changed.size === 0 ? [] : tensors) {
      const stay = stays.get(plan.tensors[index]?.aliasOf ?? index);
      const other = [...changed].find((each) => each !== stay && stay && meets(each.range, stay.range));
      if (stay !== undefined && other !== undefined)
        refuseAt(report, `'${stay.range.name}' is used as it was before it changed`, [index], at, dispatch);
    }
    tensors.forEach((index, slot) => {
      const tensor = plan.tensors[index];
      const owner = tensor?.aliasOf ?? index;
      used.add(owner);
      const stay = stays.get(owner);
      const binding = bindings[slot];
      if (tensor === undefined || stay === undefined || binding?.writes !== true) return;
      report.examine();
      changed.add(stay);
      stay.written.add(tensor.offset, tensor.offset + binding.bytes);
    });
  }
  for (const { device, host, range } of changed) {
    report.refuse(
      `what program '${program.name}' makes of '${range.name}' does not come down after its last change`,
      {
        tensors: [host, device],
      },
    );
  }
}

function refuseAt(
  report: Report,
  message: string,
  tensors: readonly number[],
  program: number,
  dispatch: number,
): void {
  report.refuse(message, { tensors, dispatches: [[program, dispatch]] });
}

/** The last dispatch that binds each tensor or an alias of it. */
function lastUses(plan: Plan, { dispatches }: PlanProgram): ReadonlyMap<number, number> {
  const last = new Map<number, number>();
  dispatches.forEach(({ tensors }, at) => {
    for (const index of tensors) last.set(plan.tensors[index]?.aliasOf ?? index, at);
  });
  return last;
}

/** The stay that a transfer begins or ends, where both of its ends are what they should be. */
function stayOf(
  plan: Plan,
  program: PlanProgram,
  { host, device }: Transfer,
  last: ReadonlyMap<number, number>,
  known: Stay | undefined,
  bad: (what: string) => void,
): Stay | undefined {
  const [from, to] = [plan.tensors[host], plan.tensors[device]];
  if (from === undefined || to === undefined) return undefined;
  if (!isOnHost(plan, from) || from.lifetime !== undefined) {
    bad(`a transfer takes '${from.name}' for the host's, and it is not in the host's memory`);
    return undefined;
  }
  if (isOnHost(plan, to) || to.aliasOf !== undefined || to.lifetime?.program !== program.name) {
    bad(`a transfer moves '${from.name}' from and to '${to.name}', which is no tensor of the program's own`);
    return undefined;
  }
  const isSame =
    from.size === to.size &&
    from.type === to.type &&
    from.stride === to.stride &&
    from.shape.join() === to.shape.join();
  if (!isSame) bad(`'${to.name}' stands for '${from.name}' and is not of its size, type and shape`);
  if (known !== undefined && known.host !== host) bad(`'${to.name}' stands for two tensors of the host`);
  const lastUse = last.get(device) ?? -1;
  if (lastUse === -1) bad(`no dispatch uses '${to.name}', which stands for '${from.name}'`);
  return known ?? { host, device, range: from, lastUse, isThere: false, written: new Written() };
}

function comeUp(
  plan: Plan,
  stay: Stay,
  used: ReadonlySet<number>,
  changed: ReadonlySet<Stay>,
  bad: (what: string) => void,
): void {
  const name = plan.tensors[stay.device]?.name ?? "";
  if (stay.isThere) bad(`'${name}' comes up twice`);
  if (used.has(stay.device)) bad(`'${name}' comes up after a dispatch has used it`);
  stay.isThere = true;
  for (const other of changed)
    if (other !== stay && meets(other.range, stay.range))
      bad(`'${name}' comes up while what was made of '${other.range.name}' has not come down`);
}

function goDown(
  plan: Plan,
  stay: Stay,
  dispatch: number,
  changed: Set<Stay>,
  stays: ReadonlyMap<number, Stay>,
  bad: (what: string) => void,
): void {
  const tensor = plan.tensors[stay.device];
  if (tensor === undefined) return;
  const bytes = elements(tensor.shape) * elementBytes[tensor.type];
  if (!changed.delete(stay)) bad(`'${tensor.name}' comes down and has not changed`);
  if (!stay.isThere && !isWritten(tensor, stay.written, bytes))
    bad(`'${tensor.name}' comes down before all of it is written`);
  if (tensor.lifetime !== undefined && dispatch > tensor.lifetime.last + 1)
    bad(`'${tensor.name}' comes down when its bytes are no longer its own`);
  for (const other of stays.values()) {
    const isUsed = changed.has(other) || (other.isThere && other.lastUse >= dispatch);
    if (other !== stay && isUsed && meets(other.range, stay.range))
      bad(`'${tensor.name}' comes down while '${other.range.name}' is in use as it was before`);
  }
}

function meets(a: PlanTensor, b: PlanTensor): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

export const transferRules: readonly Rule[] = [hostBindings, transfers];
